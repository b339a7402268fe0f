"""What keeps workers from a job that is ready, or will be: pauses, and who does not live.

One sentence for each thing, with the command that helps; see :mod:`jobqueue.domain.reasons`.
"""

import shlex
from collections.abc import Iterator

from jobqueue.domain import fleet
from jobqueue.domain.pauses import FULL_PAUSE, pause_of_worker, unpack_note
from jobqueue.domain.standing import Standing
from jobqueue.domain.why import Around, Reason
from jobqueue.domain.wording import counted, from_ms, moment, room


def pauses(at: Standing, around: Around) -> Iterator[Reason]:
    """Yield who has paused the queue, or everything."""
    for bound in at.bounds:
        if bound.note is None:
            continue
        note, everything = unpack_note(bound.note), bound.scope == FULL_PAUSE
        since, why = from_ms(note.since_ms), f": {note.reason}" if note.reason else ""
        what = "everything" if everything else f"queue {around.queue}"
        text = f"{what} is paused by {note.operator} since {moment(since)}{why}"
        helps = "jobqueue resume --all" if everything else f"jobqueue resume {around.queue}"
        yield Reason(kind="paused", text=text, command=helps, at=since)


def road(at: Standing, around: Around) -> Iterator[Reason]:
    """Yield what keeps workers from running it, once it is ready."""
    if at.journal_bytes > around.journal_bound:
        yield _journal(at, around)
    if not around.serving:
        yield no_worker(around)
        return
    if not known(at.name, around):
        text = f"no live worker of queue {around.queue} knows {at.name}"
        yield Reason(kind="unknown_name", text=text, command=start(around))
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
    paused = [each for each in around.serving if each.get("paused")]
    if not paused:
        text = f"every worker of queue {around.queue} was told to take no more jobs"
        return Reason(kind="worker_paused", text=text, command=start(around))
    worker, pause = paused[0]["id"], pause_of_worker(paused[0])
    text = f"every worker of queue {around.queue} is paused or quiet"
    if pause is not None:
        why = f": {pause.reason}" if pause.reason else ""
        text += f"; {worker} is paused by {pause.operator} since {moment(pause.since)}{why}"
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
        text = f"no live worker serves the partitions of queue {around.queue}: restart those that"
        text += " serve it"
        return Reason(kind="no_partitions", text=text, command="jobqueue workers list")
    text = f"no live worker serves queue {around.queue}"
    return Reason(kind="no_worker", text=text, command=start(around))


def no_scheduler() -> Reason:
    """Return that nobody makes jobs ready."""
    text = "no live scheduler makes jobs ready that are due"
    return Reason(kind="no_scheduler", text=text, command="jobqueue scheduler")


def known(name: str, around: Around) -> bool:
    """Whether a worker of the queue has code for jobs of a name."""
    return any(name in each["names"] for each in around.serving)


def start(around: Around) -> str:
    """Return the command that starts a worker for the queue."""
    return f"jobqueue worker MODULE:APP --queues {around.queue}"
