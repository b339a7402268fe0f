"""streaQ on Redis Streams."""

from collections.abc import Sequence

from streaq import Worker

from scripts.peers.base import Peer, Value, url
from scripts.peers.tally import note

REQUIREMENTS = ("streaq==7.2.0", "uvloop==0.23.0")
BROKER = "redis"
CHOICES = "async handlers; concurrency 100, prefetch 100; results not kept; uvloop; enqueue_many"

worker: Worker[None] = Worker(
    redis_url=url(), concurrency=100, prefetch=100, anyio_kwargs={"use_uvloop": True}
)


@worker.task(ttl=0, silent=True, name="noop")
async def noop(value: Value) -> None:
    """Count."""
    note(value)


class Streaq(Peer):
    """Many go by ``enqueue_many``."""

    async def open(self) -> None:
        """Connect."""
        await worker.__aenter__()

    async def one(self, value: Value) -> None:
        """Enqueue one."""
        await noop.enqueue(value)

    async def bulk(self, values: Sequence[Value]) -> None:
        """Enqueue many."""
        await worker.enqueue_many([noop.enqueue(value) for value in values])

    async def close(self) -> None:
        """Disconnect."""
        await worker.__aexit__(None, None, None)

    def work(self) -> None:
        """Run the worker."""
        worker.run_sync()


PEER = Streaq
