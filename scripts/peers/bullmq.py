"""BullMQ for Python on Redis."""

import asyncio
from collections.abc import Sequence

from bullmq import Job, Queue, Worker

from scripts.peers.base import Peer, Value, run, url
from scripts.peers.tally import note

REQUIREMENTS = ("bullmq==3.4.4", "hiredis==3.5.0", "uvloop==0.23.0")
BROKER = "redis"
CHOICES = "async handlers; concurrency 100; jobs removed when complete; hiredis; uvloop; addBulk"

OPTIONS = {"removeOnComplete": True}


async def _noop(job: Job, _token: str) -> None:
    note(job.data["value"])


class BullMq(Peer):
    """Many go by ``addBulk``."""

    async def open(self) -> None:
        """Connect."""
        self.queue = Queue("bench", {"connection": url()})

    async def close(self) -> None:
        """Disconnect."""
        await self.queue.close()

    async def one(self, value: Value) -> None:
        """Enqueue one."""
        await self.queue.add("noop", {"value": value}, OPTIONS)

    async def bulk(self, values: Sequence[Value]) -> None:
        """Enqueue many."""
        jobs = [{"name": "noop", "data": {"value": value}, "opts": OPTIONS} for value in values]
        await self.queue.addBulk(jobs)

    def work(self) -> None:
        """Run the worker."""
        run(_work())


async def _work() -> None:
    Worker("bench", _noop, {"connection": url(), "concurrency": 100})
    await asyncio.Event().wait()


PEER = BullMq
