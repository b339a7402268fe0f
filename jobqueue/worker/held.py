"""What the worker has taken and not settled yet, and the slots it runs in."""

import asyncio
from collections import Counter

import msgspec

from jobqueue.broker.calls import Delivery
from jobqueue.domain.context import CurrentJob
from jobqueue.domain.handlers import Handler
from jobqueue.domain.jobs import SPEC_VERSION, Spec

EMPTY = Spec(SPEC_VERSION, b"{}")


class Held(msgspec.Struct, eq=False):
    """One delivery on its way through the worker.

    Args:
        queue: Where it came from.
        delivery: What Redis said of it.
        handler: What runs it; None when nobody here knows its name.
        clock_us: Added to this process's monotonic time in µs it gives Redis time.
        last_life: Whether another crash would end the job.
        spec: What to run, once it is decoded.
        started_us: When its handler started; 0 when it has not.
        ended_us: When its handler ended; 0 when it has not.
        task: What runs it; None when it was handed back at once.
        released: Whether the worker stops and hands it back.
        dropped: Whether its outcome is worth nothing: the lease was lost, or it has
            been handed back while its handler ignores that.
    """

    queue: str
    delivery: Delivery
    handler: Handler | None
    clock_us: int
    last_life: bool = False
    spec: Spec = EMPTY
    started_us: int = 0
    ended_us: int = 0
    task: "asyncio.Task[None] | None" = None
    released: bool = False
    dropped: bool = False

    def current(self) -> CurrentJob:
        """Return the job as its handler sees it."""
        d = self.delivery
        return CurrentJob(
            d.id, d.name, self.queue, d.attempts + 1, d.delivery, d.run, d.enqueued_ms, d.fence
        )


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
        self.last_lives = 0
        self.changed = asyncio.Event()  # a slot was freed
        self._emptied = asyncio.Event()

    def take(self, held: Held) -> None:
        """Own a delivery and give it a slot."""
        self.owned[held.delivery.token] = held
        self.working[held.delivery.token] = held
        self.counts[held.queue] += 1
        self.last_lives += held.last_life
        self.free -= 1

    def ended(self, held: Held) -> None:
        """Free the slot of a delivery whose handler has ended."""
        self.working.pop(held.delivery.token, None)
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
