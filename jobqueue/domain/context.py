"""What a running handler may ask about its own job."""

from contextvars import ContextVar
from datetime import UTC, datetime

import msgspec

from jobqueue.domain.errors import NoCurrentJob


class CurrentJob(msgspec.Struct, frozen=True):
    """The job that is being run.

    Args:
        id: The job's id.
        name: The job's name.
        queue: Its queue.
        attempt: The number of this attempt; the first is 1.
        delivery: How often the job was handed to a worker, this time included.
        run: 0, and one more for each redrive.
        enqueued_ms: When it was enqueued, in ms since the epoch, by the Redis clock.
        fence: A number that is higher for every later delivery of this job. Give
            it to a store that refuses lower ones, and a late worker can't write.
    """

    id: str
    name: str
    queue: str
    attempt: int
    delivery: int
    run: int
    enqueued_ms: int
    fence: int

    @property
    def enqueued_at(self) -> datetime:
        """When the job was enqueued, by the Redis clock; in UTC."""
        return datetime.fromtimestamp(self.enqueued_ms / 1000, UTC)


running: ContextVar[CurrentJob] = ContextVar("jobqueue_current_job")


def current_job() -> CurrentJob:
    """Return the job whose handler is running here.

    Raises:
        NoCurrentJob: No worker runs this code.
    """
    try:
        return running.get()
    except LookupError:
        raise NoCurrentJob from None
