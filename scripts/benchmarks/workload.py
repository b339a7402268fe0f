"""The jobs of the benchmarks. Producers and workers make the same app from it."""

import time
from typing import Self

from jobqueue import JobQueue, Settings


class Workload:
    """An app on the library's defaults, whatever the environment says.

    Attributes:
        ran: How many handlers have run in this process.
        waits: For each run of ``stamped``: the time since it was sent, in ns.
    """

    def __init__(self, redis_url: str, database_url: str | None = None) -> None:
        self.app = JobQueue(settings=Settings(redis_url=redis_url, database_url=database_url))
        self.ran = 0
        self.waits: list[int] = []
        self.noop = self.app.job(name="noop")(self._noop)
        self.stamped = self.app.job(name="stamped")(self._stamped)
        self.padded = self.app.job(name="padded")(self._padded)

    async def _noop(self, number: int) -> None:  # noqa: ARG002 - arguments are decoded all the same
        self.ran += 1

    async def _stamped(self, sent_ns: int) -> None:
        # The monotonic clock is the machine's: all processes read the same one.
        self.waits.append(time.monotonic_ns() - sent_ns)
        self.ran += 1

    async def _padded(self, text: str) -> None:  # noqa: ARG002 - it only takes room
        self.ran += 1

    async def fill(self, jobs: int) -> None:
        """Enqueue this many no-op jobs."""
        await self.app.enqueue_many(self.noop.prepare(number) for number in range(jobs))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.app.close()
