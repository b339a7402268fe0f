"""What a producer holds after enqueueing."""

from datetime import timedelta
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Status(StrEnum):
    """What an enqueue did."""

    CREATED = "created"
    EXISTS = "exists"  # a job with this id was there; it was left as it is


class Results(Protocol):
    """Waits for results; the app's client."""

    async def result(
        self, queue: str, job_id: str, timeout: float | None, returns: object
    ) -> object:
        """Wait on the event loop."""

    def result_sync(
        self, queue: str, job_id: str, timeout: float | None, returns: object
    ) -> object:
        """Wait in this thread."""


class JobHandle(Generic[T_co]):
    """A job that was enqueued.

    Attributes:
        id: The job's id.
        queue: Its queue.
        status: ``created``, or ``exists`` when a job with this id was there already.
    """

    __slots__ = ("_results", "_returns", "id", "queue", "status")

    def __init__(
        self, job_id: str, queue: str, status: Status, results: Results, returns: object
    ) -> None:
        self.id = job_id
        self.queue = queue
        self.status = status
        self._results = results
        self._returns = returns

    def __repr__(self) -> str:
        return f"<job {self.id} {self.status} in {self.queue}>"

    async def result(self, timeout: float | timedelta | None = None) -> T_co:
        """Wait until the job ends and return what its handler returned.

        Args:
            timeout: Longest wait, in seconds or as a ``timedelta``; 0 only asks, None
                waits for ever.

        Raises:
            ResultTimeout: It has not ended in time.
            JobFailed: It is a dead letter.
            JobCancelled: It was cancelled.
            JobExpired: It expired before it could start.
            ResultGone: Its record has left Redis, and no history that was asked knows it.
            BrokerUnavailable: Redis can't be reached.
            HistoryUnavailable: PostgreSQL can't be reached, and Redis has no record.
        """
        seconds = _seconds(timeout)
        return await self._results.result(self.queue, self.id, seconds, self._returns)  # type: ignore[return-value]

    def result_sync(self, timeout: float | timedelta | None = None) -> T_co:
        """The form of :meth:`result` for programs without an event loop."""
        seconds = _seconds(timeout)
        return self._results.result_sync(self.queue, self.id, seconds, self._returns)  # type: ignore[return-value]


def _seconds(timeout: float | timedelta | None) -> float | None:
    return timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
