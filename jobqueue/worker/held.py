"""What the worker has taken and not settled yet, and the slots it runs in."""

import asyncio
from collections import Counter
from typing import Any, Protocol

import msgspec

from jobqueue.broker.messages import Delivery
from jobqueue.domain.context import CurrentJob, Progress
from jobqueue.domain.errors import NoCurrentJob
from jobqueue.domain.handlers import Handler
from jobqueue.domain.jobs import SPEC_VERSION, Spec
from jobqueue.domain.partitions import queue_of
from jobqueue.domain.signals import Signal

EMPTY = Spec(SPEC_VERSION, None, b"{}")


class Reports(Protocol):
    """Sends progress to Redis."""

    def report(self, held: "Held", progress: Progress) -> None:
        """Send it soon; from any thread."""


class Shared:
    """What all jobs of a worker have in common.

    Args:
        reports: Sends progress to Redis.
    """

    def __init__(self, reports: Reports) -> None:
        self.reports = reports
        self.shutting_down = Signal()
        self.lifespan: tuple[Any] | None = None  # its value, while it is open


class Held(msgspec.Struct, eq=False):
    """One delivery on its way through the worker.

    Args:
        queue: Where it came from: a partition, where its queue has some.
        delivery: What Redis said of it.
        handler: What runs it; None when nobody here knows its name.
        clock_us: Added to this process's monotonic time in µs it gives Redis time.
        shared: What all jobs of the worker have in common.
        last_life: Whether another crash would end the job.
        spec: What to run, once it is decoded.
        deadline_ms: When the attempt must have ended, on the Redis clock.
        started_us: When its handler started; 0 when it has not.
        ended_us: When its handler ended; 0 when it has not.
        task: What runs it; None when it was handed back at once.
        in_thread: Whether a thread is running it, which nothing can stop.
        cancelling: Whether somebody has cancelled the job.
        heard: Whether the handler knows that: it was interrupted, or has asked.
        released: Whether the worker stops and hands it back.
        dropped: Whether its outcome is worth nothing: the lease was lost, or it has
            been handed back while its handler ignores that.
    """

    queue: str
    delivery: Delivery
    handler: Handler | None
    clock_us: int
    shared: Shared
    last_life: bool = False
    spec: Spec = EMPTY
    deadline_ms: int | None = None
    started_us: int = 0
    ended_us: int = 0
    task: "asyncio.Task[None] | None" = None
    in_thread: bool = False
    cancelling: bool = False
    heard: bool = False
    released: bool = False
    dropped: bool = False

    def current(self) -> CurrentJob:
        """Return the job as its handler sees it; this is its control."""
        d, spec = self.delivery, self.spec
        return CurrentJob(
            d.id, d.name, queue_of(self.queue), d.attempts + 1, d.delivery, d.run, d.enqueued_ms,
            d.fence, self.deadline_ms, spec.tags, spec.metadata, self,
        )  # fmt: skip

    def fields(self) -> dict[str, Any]:
        """Return the fields that every log line about this delivery carries."""
        d, queue = self.delivery, queue_of(self.queue)
        return {"job_id": d.id, "job": d.name, "attempt": d.attempts + 1, "queue": queue}

    @property
    def hidden(self) -> tuple[str, ...]:
        """The names of the arguments that people may not see."""
        return (*(self.handler.redact if self.handler else ()), *self.spec.redact)

    @property
    def cancelled(self) -> bool:
        """Whether somebody has cancelled the job; the handler asks this."""
        self.heard = self.heard or self.cancelling
        return self.cancelling

    @property
    def shutting_down(self) -> Signal:
        """Set when the worker begins to stop."""
        return self.shared.shutting_down

    @property
    def state(self) -> Any:
        """What the app's lifespan made.

        Raises:
            NoCurrentJob: The app has none.
        """
        if self.shared.lifespan is None:
            raise NoCurrentJob
        return self.shared.lifespan[0]

    def report(self, progress: Progress) -> None:
        """Pass progress on; from any thread."""
        self.shared.reports.report(self, progress)


class Pool:
    """Slots, and every delivery that is not settled.

    A slot is free again when its handler has ended; a delivery is owned until
    Redis has its outcome, or others have the job.
    """

    def __init__(self, slots: int) -> None:
        self.free = slots
        self.owned: dict[str, Held] = {}
        self.working: dict[str, Held] = {}  # by token, in the order of their coming
        self.counts: Counter[str] = Counter()  # owned by queue; the heartbeat thread reads it
        self.busy: Counter[str] = Counter()  # working by queue
        self.doubtful: set[str] = set()  # queues where more may be owned; the heartbeat reads it
        self.asked: set[str] = set()  # queues with a fetch under way; the heartbeat reads it
        self.last_lives = 0
        self.changed = asyncio.Event()  # a slot was freed
        self._emptied = asyncio.Event()

    def take(self, held: Held) -> None:
        """Own a delivery and give it a slot."""
        self.owned[held.delivery.token] = held
        self.working[held.delivery.token] = held
        self.counts[held.queue] += 1
        self.busy[held.queue] += 1
        self.last_lives += held.last_life
        self.free -= 1

    def ended(self, held: Held) -> None:
        """Free the slot of a delivery whose handler has ended."""
        self.working.pop(held.delivery.token, None)
        self.busy[held.queue] -= 1
        self.free += 1
        self.last_lives -= held.last_life
        self.changed.set()
        if not self.working:
            self._emptied.set()

    def settled(self, held: Held) -> None:
        """Forget a delivery whose outcome Redis has, or that others own."""
        if self.owned.pop(held.delivery.token, None):
            self.counts[held.queue] -= 1

    async def idle(self) -> None:
        """Wait until no handler runs."""
        while self.working:
            self._emptied.clear()
            await self._emptied.wait()
