"""Every error that jobqueue raises or that a handler may raise, under one root.

An error says what happened and, in its docstring, what to do about it. Fields go
to ``super().__init__`` so that every error survives pickling.
"""

import logging
from datetime import timedelta

from jobqueue.domain import units


class JobQueueError(Exception):
    """The root of every error of this package."""


class ConfigurationError(JobQueueError):
    """A setting, an app path or a handler's declaration is wrong.

    The message names the thing and what to write instead. Nothing was started.
    """


class InvalidJob(JobQueueError):
    """A job was refused before anything was stored.

    Args:
        argument: The option or handler argument that is wrong.
        problem: What is wrong with it, and what would be right.
    """

    def __init__(self, argument: str, problem: str) -> None:
        super().__init__(argument, problem)
        self.argument = argument
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.argument}: {self.problem}"


class _JobError(JobQueueError):
    """An error about one job, known by its id."""

    summary = "job {}"

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        return self.summary.format(self.job_id)


class JobExists(_JobError):
    """A job with this id exists already; the first one is untouched.

    Choose another ``job_id`` or treat the existing job as yours.
    """

    summary = "job {} exists already; it was left as it is"


class DuplicateJob(JobQueueError):
    """Another unfinished job has the unique key of this one; nothing was stored.

    Args:
        job_id: The job that was refused.
        other: The job that has the key. With ``on_conflict="return"`` its handle comes
            back instead; with ``"replace"`` it is cancelled if it has not started.
    """

    def __init__(self, job_id: str, other: str) -> None:
        super().__init__(job_id, other)
        self.job_id = job_id
        self.other = other

    def __str__(self) -> str:
        return f"job {self.job_id} was not stored: job {self.other} has its unique key"


class IdempotencyConflict(DuplicateJob):
    """A job with this idempotency key was made with other arguments; nothing was stored.

    Use a new key for a new request; a key stands for one job with one set of arguments.
    """

    def __str__(self) -> str:
        return (
            f"job {self.job_id} was not stored: job {self.other} has its idempotency key "
            "and other arguments"
        )


class QueueFull(JobQueueError):
    """As many jobs wait in this queue as its ``max_depth`` allows; nothing was stored.

    Enqueue again later. Delayed and running jobs do not count.

    Args:
        queue: The queue.
    """

    def __init__(self, queue: str) -> None:
        super().__init__(queue)
        self.queue = queue

    def __str__(self) -> str:
        return f"queue {self.queue} is full: it holds as many waiting jobs as its max_depth"


class JobConflict(JobQueueError):
    """The job is in a state in which this can't be done.

    Args:
        job_id: The job.
        state: Its state.
        problem: What can't be done, and what can; empty where nothing needs to be done.
    """

    def __init__(self, job_id: str, state: str, problem: str = "") -> None:
        super().__init__(job_id, state, problem)
        self.job_id = job_id
        self.state = state
        self.problem = problem

    def __str__(self) -> str:
        what = f"job {self.job_id} is {self.state}"
        return f"{what}: {self.problem}" if self.problem else f"{what} already"


class JobNotFound(_JobError):
    """No job with this id is in Redis or in the history that was asked."""

    summary = "job {} was not found"


class DeadLetterNotFound(JobNotFound):
    """No open dead letter has this id: it never existed, was put back or was deleted."""

    summary = "no open dead letter has the id {}; `jobqueue dlq list` shows those that do"


class EnqueueUncertain(JobQueueError):
    """Redis took the request, but its answer never came.

    The job may or may not exist. Look for its id, or enqueue again with ``job_id`` set to
    it: the second call cannot make a second job while the first one is still known. Of
    ``enqueue_many`` several jobs may be in doubt; each other one is stored for certain, or
    certainly not. Sending the same prepared jobs again stores those that are missing.

    Args:
        job_id: The job, the first of several.
        others: The others in doubt; ``job_ids`` has them all.
    """

    def __init__(self, job_id: str, *others: str) -> None:
        super().__init__(job_id, *others)
        self.job_id = job_id
        self.job_ids = (job_id, *others)

    def __str__(self) -> str:
        n = len(self.job_ids) - 1
        more = f" and {n} more (see job_ids)" if n else ""
        return f"job {self.job_id}{more} may or may not have been enqueued: no answer from Redis"


class NotReplicated(JobQueueError):
    """The job is stored and will run, but not as safely as asked.

    Too few replicas have confirmed it in time, or its master can't say that it is on its disk.

    Should its server be lost now, the job may be lost with it. Don't enqueue it again without
    its id: the first one is there.

    Args:
        job_id: The job.
        reached: Replicas that have it.
        asked: Replicas that were asked for.
        problem: Why the master does not have it on its disk, and what to do; empty where
            only replicas were asked.
    """

    def __init__(self, job_id: str, reached: int, asked: int, problem: str = "") -> None:
        super().__init__(job_id, reached, asked, problem)
        self.job_id = job_id
        self.reached = reached
        self.asked = asked
        self.problem = problem

    def __str__(self) -> str:
        why = self.problem or f"{self.reached} of {self.asked} replicas confirmed it in time"
        return f"job {self.job_id} is stored, but not as safely as asked: {why}"


class LeaseLost(_JobError):
    """Another worker owns this job now; our outcome was dropped.

    The job is safe: the other delivery stands. A worker logs it as ``lease lost`` and
    takes the next job; do not retry.
    """

    summary = "job {} belongs to another worker now; this outcome was dropped"


class RedriveConflict(_JobError):
    """A dead letter can't go back: a job with its id, or with its unique key, is there already."""

    summary = "job {} is waiting or running already, or another has its unique key; not put back"


class ScheduleNotFound(JobQueueError):
    """There is no schedule of this name.

    Those in code are known as soon as a scheduler with a database URL has run them.

    Args:
        name: The name that was asked for; empty where only a lock was.
        lock: The lock key that was asked for; empty where none was.
    """

    def __init__(self, name: str, lock: str = "") -> None:
        super().__init__(name, lock)
        self.name = name
        self.lock = lock

    def __str__(self) -> str:
        if not self.lock:
            return f"there is no schedule {self.name}"
        of = f" is named {self.name}, or enqueues a job of this name, and" if self.name else ""
        return f"no stored schedule{of} has the lock {self.lock}"


class ScheduleConflict(JobQueueError):
    """A schedule can't be added, changed or fired; nothing was changed.

    Args:
        name: The schedule.
        problem: What stands in the way, and what to do.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name, problem)
        self.name = name
        self.problem = problem

    def __str__(self) -> str:
        return f"schedule {self.name}: {self.problem}"


class ResultGone(_JobError):
    """The job's record has left Redis, and no history that was asked knows its end.

    Set a database URL to read results of older jobs, or raise ``result_ttl``.
    """

    summary = "job {} is no longer in Redis, and no history that was asked knows its result"


class ResultTimeout(_JobError, TimeoutError):
    """The job has not ended within the time that the caller was ready to wait."""

    summary = "job {} has not ended yet"


class JobCancelled(_JobError):
    """The job was cancelled; it has no result."""

    summary = "job {} was cancelled"


class JobExpired(_JobError):
    """The job had not started before its expiry; it never ran."""

    summary = "job {} expired before it could start"


class JobFailed(JobQueueError):
    """The job ended as a dead letter.

    Args:
        job_id: The job's id.
        type: Qualified name of the last exception.
        message: Its text.
        traceback: Its traceback as text, head and tail kept; may be empty.
    """

    def __init__(self, job_id: str, type: str, message: str, traceback: str) -> None:  # noqa: A002 - the field's name
        super().__init__(job_id, type, message, traceback)
        self.job_id = job_id
        self.type = type
        self.message = message
        self.traceback = traceback

    def __str__(self) -> str:
        return f"job {self.job_id} failed: {self.type}: {self.message}"


class BrokerUnavailable(JobQueueError):
    """Redis can't be reached or refuses to work; nothing was stored.

    Attributes:
        server: Which server of several could not be reached; empty where that is not known,
            or where it answered.
    """

    server = ""


class BrokerError(JobQueueError):
    """Redis refused a command, and would refuse it again.

    The message holds Redis' answer: a missing permission, a wrong key type, a
    server that is too old.
    """


class HistoryUnavailable(JobQueueError):
    """PostgreSQL can't be reached; jobs go on, history waits in Redis."""


class HistoryError(JobQueueError):
    """PostgreSQL refused a statement, and would refuse it again.

    The message says what is missing, usually a permission, and what to grant. Jobs go
    on; their history waits in Redis.
    """


class SchemaMismatch(JobQueueError):
    """The schema in PostgreSQL is not the one this version needs.

    Run ``jobqueue db upgrade``.
    """


class WorkerNotFound(JobQueueError):
    """No living worker has this id.

    Args:
        worker: The id.
    """

    def __init__(self, worker: str) -> None:
        super().__init__(worker)
        self.worker = worker

    def __str__(self) -> str:
        return f"no living worker has the id {self.worker}"


class WorkerQuiet(JobQueueError):
    """A worker was told to go on that is quiet: it never takes jobs again.

    Args:
        worker: Its id.
    """

    def __init__(self, worker: str) -> None:
        super().__init__(worker)
        self.worker = worker

    def __str__(self) -> str:
        return f"worker {self.worker} is quiet: only a restart lets it take jobs again"


class WorkerSilent(JobQueueError):
    """A worker was told something, and did not say in time that it does it.

    It may do it still. Look at what it says of itself, and tell it again.

    Args:
        worker: Its id.
        action: What it was told: ``pause``, ``resume`` or ``quiet``.
        patience: How long it was waited for, in seconds.
    """

    def __init__(self, worker: str, action: str, patience: float) -> None:
        super().__init__(worker, action, patience)
        self.worker = worker
        self.action = action
        self.patience = patience

    def __str__(self) -> str:
        told = f"worker {self.worker} did not confirm `{self.action}` within {self.patience:g} s"
        return f"{told}; look with `jobqueue workers show {self.worker}`"


class NoCurrentJob(JobQueueError):
    """``current_job()`` was called outside a handler that a worker runs."""

    def __str__(self) -> str:
        return "no job is running here; current_job() works inside a handler that a worker runs"


class Permanent(JobQueueError):
    """Raised by a handler: retrying can't help; make it a dead letter now."""


class _Delayed(JobQueueError):
    """Asks for another run after a time."""

    def __init__(self, delay: float | timedelta) -> None:
        super().__init__(delay)
        try:
            self.delay = timedelta(seconds=units.seconds(delay))
        except ValueError as error:
            raise ValueError(f"{type(self).__name__}: {error}") from None


class RetryAfter(_Delayed):
    """Raised by a handler: this attempt failed; the next one is due in a given time.

    Args:
        delay: Seconds or a ``timedelta`` until the next attempt; replaces the
            policy's delay and counts as an attempt.

    Raises:
        ValueError: The delay is no duration, or negative.
    """


class Snooze(_Delayed):
    """Raised by a handler: not now; run me again later, at no cost.

    Args:
        delay: Seconds or a ``timedelta``. No attempt is counted.

    Raises:
        ValueError: The delay is no duration, or negative.
    """


REFUSALS = (BrokerError, HistoryError)
"""What a service goes on trying, although only an operator can help."""


def severity(error: JobQueueError) -> int:
    """Return how loud a service says that it can't work: what ends by itself is a warning."""
    return logging.ERROR if isinstance(error, REFUSALS) else logging.WARNING


# Where users import them from: tracebacks, logs and the history show this name.
for _name, _kind in list(vars().items()):
    if isinstance(_kind, type) and issubclass(_kind, JobQueueError) and _name[0] != "_":
        _kind.__module__ = "jobqueue"
