"""What keeps workers from a job that is ready, or will be: pauses, and who does not live.

One sentence for each thing, with the command that helps; see :mod:`jobqueue.domain.reasons`.
"""

import shlex
from collections.abc import Iterator

from jobqueue.domain import fleet
from jobqueue.domain.pauses import (
    EVERYTHING,
    FULL_PAUSE,
    Pause,
    pause_of,
    pause_of_worker,
    unpack_note,
)
from jobqueue.domain.standing import Standing
from jobqueue.domain.suggest import nearest
from jobqueue.domain.why import Around, Reason
from jobqueue.domain.wording import counted, moment, room


def pauses(at: Standing, around: Around) -> Iterator[Reason]:
    """Yield who has paused the queue, or everything: what was asked for, and what holds by now.

    A pause holds only from the first worker on for a queue that nobody knew when it was asked for.
    """
    notes = [(each.scope, unpack_note(each.note)) for each in at.bounds if each.note is not None]
    fields = [(EVERYTHING if label == FULL_PAUSE else around.queue, note) for label, note in notes]
    holding = [pause_of(field, note) for field, note in fields]
    each_once = {pause.queue: pause for pause in (*holding, *around.pauses)}
    for pause in sorted(each_once.values(), key=lambda each: each.queue or ""):
        text = paused(pause)
        helps = f"jobqueue resume {pause.queue or '--all'}"
        yield Reason(kind="paused", text=text, command=helps, at=pause.since)


def road(job_id: str, at: Standing, around: Around) -> Iterator[Reason]:
    """Yield what keeps workers from running it, once it is ready."""
    if at.journal_bytes > around.journal_bound:
        yield _journal(at, around)
    if not around.serving:
        yield no_worker(around)
        return
    if not known(at.name, around):
        text = f"no live worker of queue {around.queue} knows {at.name}{elsewise(at.name, around)}"
        yield Reason(kind="unknown_name", text=text, command=give_up(job_id, around))
    if stopped := _stopped(around):
        yield stopped
    problems = [each.get("problem") for each in around.serving]
    if all(problems) and at.journal_bytes <= around.journal_bound:
        text = f"no worker of queue {around.queue} can take jobs: {problems[0]}"
        yield Reason(kind="worker_problem", text=text, command="jobqueue workers list")


def _stopped(around: Around) -> Reason | None:
    """Return who has stopped all workers of the queue one by one, if that is so."""
    if not all(each.get("paused") or each.get("quiet") for each in around.serving):
        return None
    paused = [each for each in around.serving if each.get("paused") and not each.get("quiet")]
    if not paused:
        text = f"every worker of queue {around.queue} was told to take no more jobs"
        return Reason(kind="worker_paused", text=text, command=start(around.queue))
    worker, pause = paused[0]["id"], pause_of_worker(paused[0])
    text = f"every worker of queue {around.queue} is paused or quiet"
    if pause is not None:
        text += f"; {worker} is {by_whom(pause)}"
    helps = f"jobqueue resume --worker {shlex.quote(worker)}"
    return Reason(kind="worker_paused", text=text, command=helps, worker=worker)


def _journal(at: Standing, around: Around) -> Reason:
    recorders = fleet.of_role(around.living, "recorder")
    text = f"workers take nothing before a recorder has written {counted(at.journal_rows, 'row')}"
    text += f": the journal of queue {around.queue} has {room(at.journal_bytes)}, and its bound"
    text += f" is {room(around.journal_bound)}"
    if not recorders:
        text += "; no recorder lives"
    command = "jobqueue health recorder" if recorders else "jobqueue recorder"
    return Reason(kind="journal", text=text, command=command)


def no_worker(around: Around) -> Reason:
    """Return that nobody serves the queue, or none of its partitions."""
    if around.place != around.queue and fleet.serving(around.workers, around.queue):
        text = no_parts(around.queue)
        return Reason(kind="no_partitions", text=text, command="jobqueue workers list")
    text = f"no live worker serves queue {around.queue}"
    return Reason(kind="no_worker", text=text, command=start(around.queue))


def no_parts(queue: str) -> str:
    """Say that workers serve a split queue as if it were whole."""
    return f"no live worker serves the partitions of queue {queue}: restart those that serve it"


def paused(pause: Pause) -> str:
    """Say that a queue, or everything, is paused."""
    what = "everything" if pause.queue is None else f"queue {pause.queue}"
    return f"{what} is {by_whom(pause)}"


def by_whom(pause: Pause) -> str:
    """Say who has paused something, since when, and why."""
    why = f": {pause.reason}" if pause.reason else ""
    return f"paused by {pause.operator} since {moment(pause.since)}{why}"


def no_scheduler() -> Reason:
    """Return that nobody makes jobs ready."""
    text = "no live scheduler makes jobs ready that are due"
    return Reason(kind="no_scheduler", text=text, command="jobqueue scheduler")


def known(name: str, around: Around) -> bool:
    """Whether a worker of the queue has code for jobs of a name."""
    return any(name in each["names"] for each in around.serving)


def elsewise(name: str, around: Around) -> str:
    """Return the end of a sentence about a name that nobody knows: what may be wrong with it."""
    near = nearest(name, {known for each in around.serving for known in each["names"]})
    meant = f"did you mean {near!r}? Else " if near else ""
    return f"; {meant}deploy code that has {name}"


def give_up(job_id: str, around: Around) -> str:
    """Return the command that cancels a job."""
    return f"jobqueue jobs cancel {shlex.quote(job_id)} --queue {around.queue}"


def start(queue: str) -> str:
    """Return the command that starts a worker for a queue."""
    return f"jobqueue worker MODULE:APP --queues {queue}"
