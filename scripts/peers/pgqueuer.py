"""PgQueuer: PostgreSQL, by asyncpg."""

from collections.abc import Sequence

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from scripts.peers.base import Peer, Value, run, url
from scripts.peers.tally import note

REQUIREMENTS = ("pgqueuer[asyncpg]==1.6.0", "asyncpg==0.32.0", "uvloop==0.23.0")
BROKER = "postgres"
CHOICES = "asyncpg; async handlers; batches of 1,000; durable tables; enqueue of lists"

BATCH = 1000


class PgQueuerPeer(Peer):
    """The payload is text: the value, or padding."""

    async def install(self) -> None:
        """Make the tables."""
        await self.open()
        await self.queries.install()

    async def open(self) -> None:
        """Connect."""
        self.queries = Queries(AsyncpgDriver(await asyncpg.connect(url())))

    async def one(self, value: Value) -> None:
        """Enqueue one; calls of one connection follow each other."""
        await self.queries.enqueue("noop", str(value).encode())

    async def bulk(self, values: Sequence[Value]) -> None:
        """Enqueue many."""
        count, payloads = len(values), [str(value).encode() for value in values]
        await self.queries.enqueue(["noop"] * count, payloads, [0] * count)

    def work(self) -> None:
        """Run the worker."""
        run(_work())


async def _work() -> None:
    queue = PgQueuer(AsyncpgDriver(await asyncpg.connect(url())))

    @queue.entrypoint("noop")
    async def noop(job: Job) -> None:
        text = job.payload.decode()
        note(int(text) if text.isdigit() else text)

    await queue.run(batch_size=BATCH)


PEER = PgQueuerPeer
