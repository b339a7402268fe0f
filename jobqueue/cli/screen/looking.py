"""One look at an installation: what the screen shows until the next one."""

from collections.abc import Sequence
from typing import Any

import msgspec

from jobqueue.app import JobQueue
from jobqueue.domain.errors import ConfigurationError, HistoryError, JobQueueError
from jobqueue.domain.pauses import Pause, pause_of_worker
from jobqueue.domain.views import DeadLetter, FoundJob, QueueView
from jobqueue.domain.wording import counted, duration

MOST = 100  # jobs of a queue that are shown
LIVE = ("running", "ready", "blocked", "scheduled", "retrying")

Row = Sequence[Any]

QUEUES = (
    *("QUEUE", "PAUSED", "READY", "BLOCKED", "SCHEDULED", "RUNNING"),
    *("OLDEST", "RATE", "ETA", "JOURNAL"),
)
WORKERS = ("WORKER", "PAUSED", "QUEUES", "RUNNING", "OF", "DONE", "PROBLEM")
JOBS = ("JOB", "NAME", "STATE", "ATTEMPTS", "SINCE", "ERROR")


class Look(msgspec.Struct, frozen=True):
    """An installation at one moment.

    Attributes:
        queues: Every queue.
        workers: What living workers say.
        pauses: What is paused.
        jobs: Jobs of one queue: live or dead ones.
        problem: What could not be asked; the rest is empty then.
    """

    queues: Sequence[QueueView] = ()
    workers: Sequence[dict[str, Any]] = ()
    pauses: Sequence[Pause] = ()
    jobs: Sequence[FoundJob] | Sequence[DeadLetter] = ()
    problem: str = ""


async def look(app: JobQueue, queue: str | None, *, dead: bool) -> Look:
    """Return what there is.

    Args:
        app: The installation's.
        queue: Whose jobs are wanted; None where no queue is known yet.
        dead: Whether its dead letters are wanted instead of the jobs that live.
    """
    try:
        queues, workers = await app.queue_counts(), await app.living("worker")
        found = Look(queues, workers, await app.pauses())
    except JobQueueError as error:
        return Look(problem=str(error))
    queue = queue or next((each.name for each in queues), None)
    if queue is None:
        return found
    try:
        jobs = await (_letters(app, queue) if dead else _jobs(app, queue))
    except (JobQueueError, HistoryError, ConfigurationError) as error:
        return Look(queues, workers, found.pauses, problem=str(error))
    return Look(queues, workers, found.pauses, jobs)


async def _jobs(app: JobQueue, queue: str) -> Sequence[FoundJob]:
    return (await app.list_jobs(queue=queue, state=LIVE, limit=MOST)).jobs


async def _letters(app: JobQueue, queue: str) -> Sequence[DeadLetter]:
    return await app.dead_letters(queue=queue, limit=MOST)


def queue_rows(found: Look) -> dict[str, Row]:
    """Return the queues, by name."""
    return {each.name: _queue(each, found.pauses) for each in found.queues}


def _queue(view: QueueView, pauses: Sequence[Pause]) -> Row:
    paused = next((f"by {each.operator}" for each in pauses if each.queue in (None, view.name)), "")
    age = None if view.oldest_ms is None else view.oldest_ms / 1000
    return (
        view.name,
        paused,
        sum(view.ready.values()),
        view.blocked,
        view.scheduled,
        view.running,
        duration(age),
        None if view.rate is None else f"{view.rate:.1f}/s",
        duration(view.eta) if view.eta else None,
        view.journal,
    )


def worker_rows(found: Look) -> dict[str, Row]:
    """Return the workers, by id."""
    return {each["id"]: _worker(each) for each in found.workers}


def _worker(said: dict[str, Any]) -> Row:
    pause = pause_of_worker(said)
    return (
        said["id"],
        f"by {pause.operator}" if pause else "",
        ",".join(said["queues"]),
        said["running"],
        said["concurrency"],
        said["done"],
        said["problem"],
    )


def job_rows(found: Look) -> dict[str, Row]:
    """Return the jobs, by id; dead ones by the id of their letter."""
    return dict(_job(each) for each in found.jobs)


def _job(each: FoundJob | DeadLetter) -> tuple[str, Row]:
    if isinstance(each, DeadLetter):
        since = f"{each.failed_at:%m-%d %H:%M:%S}"
        error = f"{each.error_type}: {each.error_message}"
        return each.execution_id, (each.job_id, each.name, "dead", each.attempts, since, error)
    moment = each.started_at or each.due_at or each.enqueued_at
    since = "" if moment is None else f"{moment:%m-%d %H:%M:%S}"
    error = f"{each.error.type}: {each.error.message}" if each.error else ""
    return each.id, (each.id, each.name, each.state, each.attempts, since, error)


def headline(found: Look) -> str:
    """Return the first line: what there is in all, or why nothing can be seen."""
    if found.problem:
        return found.problem
    rate = sum(each.rate or 0.0 for each in found.queues)
    busy = sum(each.running for each in found.queues)
    everything = [f"all paused by {each.operator}" for each in found.pauses if each.queue is None]
    said = (counted(len(found.queues), "queue"), counted(len(found.workers), "worker"))
    line = f"{', '.join(said)}, {counted(busy, 'running job')}, {rate:.1f} ended a second"
    return "; ".join([line, *everything])
