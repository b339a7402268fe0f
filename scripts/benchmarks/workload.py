"""The jobs of the benchmarks. Producers and workers make the same app from it."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, Self

import msgspec

from jobqueue import JobQueue, Limit, Settings, Unique
from jobqueue.client.declared import JobCall
from jobqueue.domain.partitions import names_of

QUEUE = Settings().default_queue
LOCKS = 1000  # keys that locked jobs share
NOT_REACHED = 1000  # jobs at once: more than run


class Plan(msgspec.Struct, frozen=True):
    """How an app differs from the library's defaults.

    Args:
        concurrency: Of a worker; None for the default.
        queues: Queues over which jobs are spread; 0 for the default one.
        partitions: Of the default queue; 0 for a whole one.
        limited: Whether there is a handler with a limit. Its queue's rules cost all jobs.
        profiled: Whether a worker notes what it is doing.
    """

    concurrency: int | None = None
    queues: int = 0
    partitions: int = 0
    limited: bool = False
    profiled: bool = False

    @property
    def served(self) -> list[str]:
        """The queues that jobs are in."""
        return [f"q{number}" for number in range(self.queues)] or [QUEUE]

    @property
    def stored(self) -> list[str]:
        """The broker's names of these queues."""
        return [name for queue in self.served for name in names_of(queue, self.partitions)]


DEFAULTS = Plan()


class Workload:
    """An app on the library's defaults, whatever the environment says.

    Attributes:
        ran: How many handlers have run in this process.
        waits: For each run of ``stamped``: the time since it was sent, in ns.
    """

    def __init__(
        self, redis_url: str, database_url: str | None = None, plan: Plan = DEFAULTS
    ) -> None:
        self.app = JobQueue(settings=Settings(redis_url=redis_url, database_url=database_url))
        self.plan = plan
        self.ran = 0
        self.waits: list[int] = []
        self._counting = threading.Lock()
        if plan.partitions:
            self.app.queue(QUEUE, partitions=plan.partitions)
        self.noop = self.app.job(name="noop")(self._noop)
        self.threaded = self.app.job(name="threaded")(self._threaded)
        self.stamped = self.app.job(name="stamped")(self._stamped)
        self.padded = self.app.job(name="padded")(self._padded)
        self.held = self.app.job(name="held")(self._held)
        self.locked = self.app.job(name="locked")(self._locked)
        self.unique = self.app.job(name="unique", unique=Unique())(self._unique)
        limits = Limit(NOT_REACHED) if plan.limited else None
        self.limited = self.app.job(name="limited", limit=limits)(self._limited)

    async def _noop(self, number: int) -> None:  # noqa: ARG002 - arguments are decoded all the same
        self.ran += 1

    def _threaded(self, number: int) -> None:  # noqa: ARG002 - the same
        with self._counting:
            self.ran += 1

    async def _stamped(self, sent_ns: int, text: str = "") -> None:  # noqa: ARG002 - it only takes room
        # The monotonic clock is the machine's: all processes read the same one.
        self.waits.append(time.monotonic_ns() - sent_ns)
        self.ran += 1

    async def _padded(self, text: str) -> None:  # noqa: ARG002 - it only takes room
        self.ran += 1

    async def _held(self, number: int) -> None:  # noqa: ARG002 - it only stays
        self.ran += 1
        await asyncio.Event().wait()

    async def _locked(self, number: int) -> None:  # noqa: ARG002 - the lock is what counts
        self.ran += 1

    async def _unique(self, number: int) -> None:  # noqa: ARG002 - the same
        self.ran += 1

    async def _limited(self, number: int) -> None:  # noqa: ARG002 - the same
        self.ran += 1

    def prepares(self, kind: str, payload: int = 0) -> Callable[[int], Any]:
        """Return what prepares the job of a kind with a number."""
        if kind == "padded":
            return lambda _: self.padded.prepare("x" * payload)
        if kind == "locked":
            locks = [self.locked.options(lock=f"user:{number}") for number in range(LOCKS)]
            return lambda number: locks[number % LOCKS].prepare(number)
        named: dict[str, JobCall[..., Any]] = {
            "noop": self.noop,
            "threaded": self.threaded,
            "held": self.held,
            "unique": self.unique,
            "limited": self.limited,
        }
        call = named[kind]
        if not self.plan.queues:
            return call.prepare
        calls = [call.options(queue=queue) for queue in self.plan.served]
        return lambda number: calls[number % len(calls)].prepare(number)

    async def fill(self, jobs: int, kind: str = "noop", payload: int = 0) -> None:
        """Enqueue this many jobs of a kind."""
        await self.app.enqueue_many(map(self.prepares(kind, payload), range(jobs)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.app.close()
