"""ardiq: a Rust core on Redis Streams."""

from collections.abc import Sequence

from ardiq import Ardiq

from scripts.peers.base import Peer, Value, run, url
from scripts.peers.tally import note

REQUIREMENTS = ("ardiq==1.2.0", "uvloop==0.23.0")
PYTHON = (3, 12)
BROKER = "redis"
CHOICES = "async handlers; concurrency 100, prefetch 200; uvloop; enqueue_many"

app = Ardiq(redis_url=url(), queue_name="bench", concurrency=100, prefetch=200)


@app.task
async def noop(value: Value) -> None:
    """Count."""
    note(value)


class ArdiqPeer(Peer):
    """Many go by ``enqueue_many`` in one round trip."""

    async def one(self, value: Value) -> None:
        """Enqueue one."""
        await noop.enqueue(value)

    async def bulk(self, values: Sequence[Value]) -> None:
        """Enqueue many."""
        await app.enqueue_many([noop.prepare(value) for value in values])

    def work(self) -> None:
        """Run the worker."""
        run(app.run())


PEER = ArdiqPeer
