"""jobqueue itself, from this tree."""

import asyncio
from collections.abc import Sequence

from jobqueue import JobQueue, Settings
from scripts.peers.base import AT_ONCE, Peer, Value, run, url
from scripts.peers.tally import note

BROKER = "redis"
CHOICES = "defaults; async handlers; journal on"

app = JobQueue(settings=Settings(redis_url=url()))


@app.job
async def noop(value: int | str) -> None:
    """Count."""
    note(value)


class Ours(Peer):
    """Defaults are the fast settings."""

    async def close(self) -> None:
        """Disconnect."""
        await app.close()

    async def one(self, value: Value) -> None:
        """Enqueue one."""
        await noop.enqueue(value)

    async def hundred(self) -> None:
        """Enqueue 100 concurrently, as requests of a web server do: they share round trips."""
        await asyncio.gather(*[noop.enqueue(0) for _ in range(AT_ONCE)])

    async def bulk(self, values: Sequence[Value]) -> None:
        """Enqueue many."""
        await app.enqueue_many(noop.prepare(value) for value in values)

    def work(self) -> None:
        """Run the worker."""
        run(app.run_worker())


PEER = Ours
