"""What a running handler may ask about its own job, and say of it."""

import math
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Protocol

import msgspec

from jobqueue.domain import codec
from jobqueue.domain.errors import NoCurrentJob
from jobqueue.domain.instants import from_ms
from jobqueue.domain.signals import Signal

LONGEST_NOTE = 500  # bytes of a progress message


class Progress(msgspec.Struct, frozen=True):
    """How far a job is.

    Args:
        fraction: From 0 to 1.
        message: What it is doing, for people.
        at_ms: When it said so, in ms since the epoch, by the Redis clock; 0 when unknown.
    """

    fraction: float
    message: str = ""
    at_ms: int = 0


class Control(Protocol):
    """The worker's side of a running job."""

    @property
    def cancelled(self) -> bool:
        """Whether somebody has cancelled the job."""

    @property
    def shutting_down(self) -> Signal:
        """Set when the worker begins to stop."""

    @property
    def state(self) -> Any:
        """What the app's lifespan made."""

    def report(self, progress: Progress) -> None:
        """Pass progress on; from any thread."""


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
        deadline_ms: When the attempt must have ended, in ms since the epoch, by the
            Redis clock: its timeout or the job's deadline; None for never.
        tags: The job's tags.
        metadata_json: The job's metadata as JSON; None when it has none.
        control: The worker's side of the job; None where no worker is at hand.
    """

    id: str
    name: str
    queue: str
    attempt: int
    delivery: int
    run: int
    enqueued_ms: int
    fence: int
    deadline_ms: int | None = None
    tags: tuple[str, ...] = ()
    metadata_json: bytes | None = None
    control: Any = None

    def __repr__(self) -> str:
        """Say which job it is; what its control knows is not for logs."""
        return f"<job {self.id} {self.name!r} in {self.queue}, attempt {self.attempt}>"

    def current(self) -> "CurrentJob":
        """Return itself, so that it can stand for what knows it."""
        return self

    @property
    def enqueued_at(self) -> datetime:
        """When the job was enqueued, by the Redis clock; in UTC."""
        return from_ms(self.enqueued_ms)

    @property
    def deadline(self) -> datetime | None:
        """When the attempt must have ended, by the Redis clock; in UTC; None for never."""
        return from_ms(self.deadline_ms)

    @property
    def metadata(self) -> dict[str, Any]:
        """The job's metadata."""
        raw = self.metadata_json
        return {} if raw is None else dict(msgspec.json.decode(raw))

    @property
    def cancelled(self) -> bool:
        """Whether somebody has cancelled the job.

        An async handler is cancelled as well, and a child process killed; a handler in a
        thread can't be stopped and has to look.
        """
        return self.control is not None and bool(self.control.cancelled)

    @property
    def shutting_down(self) -> Signal:
        """Set when the worker begins to stop: the handler has the grace to end by itself."""
        return self._controlled().shutting_down

    @property
    def state(self) -> Any:
        """What the app's lifespan made.

        Raises:
            NoCurrentJob: The app has none, or this is a child process.
        """
        return self._controlled().state

    def progress(self, fraction: float, message: str = "") -> None:
        """Say how far the job is; people and waiting clients see it.

        Call it as often as you like, from the handler's thread: two reports a second
        are sent, and the last one counts.

        Args:
            fraction: From 0 to 1.
            message: What it is doing.

        Raises:
            ValueError: The fraction is no number from 0 to 1.
        """
        if not 0 <= fraction <= 1 or math.isnan(fraction):
            raise ValueError(f"progress {fraction!r}: write a fraction from 0 to 1")
        note = codec.storable(str(message), LONGEST_NOTE)
        self._controlled().report(Progress(float(fraction), note))

    def _controlled(self) -> Control:
        if self.control is None:
            raise NoCurrentJob
        control: Control = self.control
        return control


class Current(Protocol):
    """What knows the job that runs here; most handlers never ask, so it is made when they do."""

    def current(self) -> CurrentJob:
        """Return it."""


running: ContextVar[Current] = ContextVar("jobqueue_current_job")


def current_job() -> CurrentJob:
    """Return the job whose handler is running here.

    Raises:
        NoCurrentJob: No worker runs this code.
    """
    try:
        return running.get().current()
    except LookupError:
        raise NoCurrentJob from None
