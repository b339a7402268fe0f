"""What the worker has taken and not settled yet, and the slots it runs in."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from jobqueue.broker.calls import Delivery
from jobqueue.domain.handlers import Handler
from jobqueue.domain.jobs import SPEC_VERSION, Spec

EMPTY = Spec(SPEC_VERSION, b"{}")


@dataclass(slots=True, eq=False)
class Held:
    """One delivery on its way through the worker.

    ``clock_us`` added to this process's monotonic time in µs gives Redis time.
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
    lost: bool = False


class Pool:
    """Slots, and every delivery that is not settled.

    A slot is free again when its handler has ended; a delivery is owned until
    Redis has its outcome.
    """

    def __init__(self, slots: int) -> None:
        self.free = slots
        self.owned: dict[str, Held] = {}
        self.counts: Counter[str] = Counter()  # owned by queue; the heartbeat thread reads it
        self.last_lives = 0
        self._slot_freed = asyncio.Event()
        self._emptied = asyncio.Event()
        self._running = 0

    @property
    def running(self) -> int:
        """Handlers that have not ended."""
        return self._running

    def __iter__(self) -> Iterator[Held]:
        return iter(list(self.owned.values()))

    def take(self, held: Held) -> None:
        """Own a delivery and give it a slot."""
        self.owned[held.delivery.token] = held
        self.counts[held.queue] += 1
        self.last_lives += held.last_life
        self.free -= 1
        self._running += 1

    def ended(self, held: Held) -> None:
        """Free the slot of a delivery whose handler has ended."""
        self.free += 1
        self._running -= 1
        self.last_lives -= held.last_life
        self._slot_freed.set()
        if not self._running:
            self._emptied.set()

    def settled(self, held: Held) -> None:
        """Forget a delivery whose outcome Redis has, or that others own."""
        if self.owned.pop(held.delivery.token, None):
            self.counts[held.queue] -= 1

    async def slot(self) -> None:
        """Wait until a slot is free."""
        while self.free <= 0:
            self._slot_freed.clear()
            await self._slot_freed.wait()

    async def idle(self) -> None:
        """Wait until no handler runs."""
        while self._running:
            self._emptied.clear()
            await self._emptied.wait()
