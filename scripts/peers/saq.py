"""SAQ on Redis."""

from typing import Any

from saq import Queue, Worker

from scripts.peers.base import Peer, Value, run, url
from scripts.peers.tally import note

REQUIREMENTS = (
    "saq[redis,hiredis]==0.26.4",
    "redis==7.4.1",
    "hiredis==3.5.0",
    "typing_extensions==4.16.0",  # it needs it and does not say so
    "uvloop==0.23.0",
)
BROKER = "redis"
CHOICES = "async handlers; concurrency 100; hiredis; uvloop; results not kept"

queue = Queue.from_url(url(), max_concurrent_ops=100)


async def noop(_context: dict[str, Any], *, value: Value) -> None:
    """Count."""
    note(value)


class Saq(Peer):
    """It has no call for many: they go concurrently."""

    async def open(self) -> None:
        """Connect."""
        await queue.connect()

    async def close(self) -> None:
        """Disconnect."""
        await queue.disconnect()

    async def one(self, value: Value) -> None:
        """Enqueue one."""
        await queue.enqueue("noop", value=value, ttl=-1)

    def work(self) -> None:
        """Run the worker."""
        run(_work())


async def _work() -> None:
    await queue.connect()
    await Worker(queue, functions=[noop], concurrency=100).start()


PEER = Saq
