"""Procrastinate: PostgreSQL, by psycopg."""

from collections.abc import Sequence

from procrastinate import App, PsycopgConnector

from scripts.peers.base import Peer, Value, run, url
from scripts.peers.tally import note

REQUIREMENTS = ("procrastinate==3.10.0", "psycopg[binary,pool]==3.3.9", "uvloop==0.23.0")
BROKER = "postgres"
CHOICES = "async handlers; concurrency 100; finished jobs deleted; psycopg binary; uvloop; batches"

app = App(connector=PsycopgConnector(conninfo=url(), min_size=4, max_size=20))


@app.task(name="noop")
async def noop(value: Value) -> None:
    """Count."""
    note(value)


class Procrastinate(Peer):
    """Many go by ``batch_defer_async``."""

    async def install(self) -> None:
        """Make the tables."""
        async with app.open_async():
            await app.schema_manager.apply_schema_async()

    async def open(self) -> None:
        """Connect."""
        await app.open_async()

    async def close(self) -> None:
        """Disconnect."""
        await app.close_async()

    async def one(self, value: Value) -> None:
        """Enqueue one."""
        await noop.defer_async(value=value)

    async def bulk(self, values: Sequence[Value]) -> None:
        """Enqueue many."""
        await noop.batch_defer_async(*[{"value": value} for value in values])

    def work(self) -> None:
        """Run the worker."""
        run(_work())


async def _work() -> None:
    async with app.open_async():
        await app.run_worker_async(concurrency=100, delete_jobs="successful")


PEER = Procrastinate
