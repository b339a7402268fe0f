"""What a producer holds after enqueueing."""

from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import Generic, NamedTuple, Protocol, TypeVar

from jobqueue.client.options import seconds_of
from jobqueue.domain.context import Progress
from jobqueue.domain.jobs import State
from jobqueue.domain.partitions import queue_of
from jobqueue.domain.replication import Reached

T_co = TypeVar("T_co", covariant=True)


class Status(StrEnum):
    """What an enqueue did. The first three stored the job; what the others found was left alone."""

    CREATED = "created"
    BLOCKED = "blocked"  # stored, and it waits in the line of its lock
    REPLACED = "replaced"  # stored, and the job that had its unique key was cancelled
    DUPLICATE = "duplicate"  # the handle is that of an equal job: unique or idempotency key
    EXISTS = "exists"  # a job with this id was there
    TAKEN = "taken"  # another job has its unique key
    MISMATCH = "mismatch"  # its idempotency key belongs to other arguments
    FULL = "full"  # the queue takes no more

    @property
    def stored(self) -> bool:
        """Whether the job was stored."""
        return self in _STORED


_STORED = frozenset({Status.CREATED, Status.BLOCKED, Status.REPLACED})


class Answer(NamedTuple):
    """What became of one job: its status, the other job that this is about, its copies.

    ``place`` is where it was sent: its queue, or the partition that was known by then.
    """

    status: Status
    place: str
    other: str | None = None
    reached: Reached | None = None  # where replicas were waited for


Watcher = Callable[[Progress], object]


class Wanted(NamedTuple):
    """A result that somebody waits for.

    Args:
        queue: Queue of the job, or its partition.
        job_id: The job.
        timeout: Longest wait, in seconds; None waits for ever.
        returns: The type that the result is to have.
        watcher: Called with what the handler reports meanwhile.
    """

    queue: str
    job_id: str
    timeout: float | None
    returns: object
    watcher: Watcher | None


class Results(Protocol):
    """Waits for results; the app's client."""

    async def result(self, wanted: Wanted) -> object:
        """Wait on the event loop."""

    def result_sync(self, wanted: Wanted) -> object:
        """Wait in this thread."""

    async def cancel(self, queue: str, job_id: str, reason: str) -> State:
        """Cancel a job, on the event loop."""

    def cancel_sync(self, queue: str, job_id: str, reason: str) -> State:
        """Cancel a job, in this thread."""


class JobHandle(Generic[T_co]):
    """A job that was enqueued.

    Attributes:
        id: The job's id.
    """

    __slots__ = ("_answer", "_results", "_returns", "id")

    def __init__(self, job_id: str, answer: Answer, results: Results, returns: object) -> None:
        self.id = job_id
        self._answer = answer  # one for many handles; what it says is worked out when asked
        self._results = results
        self._returns = returns

    @property
    def status(self) -> Status:
        """What the enqueueing did."""
        return self._answer.status

    @property
    def queue(self) -> str:
        """Its queue."""
        return queue_of(self._answer.place)

    @property
    def other(self) -> str | None:
        """Id of the other job that the status speaks of.

        That is the holder of the lock, the job that was replaced, or the one that has the key.
        """
        return self._answer.other

    @property
    def durable(self) -> bool | None:
        """Whether replicas have it, as many as were asked for; None when that was not asked."""
        reached = self._answer.reached
        return None if reached is None else reached.enough

    def __repr__(self) -> str:
        return f"<job {self.id} {self.status} in {self.queue}>"

    async def result(
        self,
        timeout: float | timedelta | None = None,
        *,
        on_progress: Watcher | None = None,
    ) -> T_co:
        """Wait until the job ends and return what its handler returned.

        Args:
            timeout: Longest wait, in seconds or as a ``timedelta``; 0 only asks, None
                waits for ever.
            on_progress: Called with each :class:`Progress` that the handler reports
                meanwhile.

        Raises:
            InvalidJob: The timeout is no time.
            ResultTimeout: It has not ended in time.
            JobFailed: It is a dead letter.
            JobCancelled: It was cancelled.
            JobExpired: It expired before it could start.
            ResultGone: Its record has left Redis, and no history that was asked knows it.
            BrokerUnavailable: Redis can't be reached.
            HistoryUnavailable: PostgreSQL can't be reached, and Redis has no record.
        """
        wanted = self._wanted(timeout, on_progress)
        return await self._results.result(wanted)  # type: ignore[return-value]

    def result_sync(
        self,
        timeout: float | timedelta | None = None,
        *,
        on_progress: Watcher | None = None,
    ) -> T_co:
        """The form of :meth:`result` for programs without an event loop."""
        wanted = self._wanted(timeout, on_progress)
        return self._results.result_sync(wanted)  # type: ignore[return-value]

    def _wanted(self, timeout: float | timedelta | None, watcher: Watcher | None) -> Wanted:
        return Wanted(self._answer.place, self.id, _seconds(timeout), self._returns, watcher)

    async def cancel(self, reason: str = "") -> State:
        """Cancel the job; see :meth:`JobQueue.cancel`.

        Args:
            reason: Why, for the history.

        Returns:
            The state in which it was.

        Raises:
            JobNotFound: Redis does not know it any more.
            JobConflict: It has ended already.
            BrokerUnavailable: Redis can't be reached.
        """
        return await self._results.cancel(self._answer.place, self.id, reason)

    def cancel_sync(self, reason: str = "") -> State:
        """The form of :meth:`cancel` for programs without an event loop."""
        return self._results.cancel_sync(self._answer.place, self.id, reason)


def _seconds(timeout: float | timedelta | None) -> float | None:
    if timeout is None:
        return None
    past = isinstance(timeout, int | float) and timeout < 0  # a time that ran out meanwhile
    return 0.0 if past else seconds_of("timeout", timeout)
