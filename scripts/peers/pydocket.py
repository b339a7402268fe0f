"""Docket on Redis Streams."""

from collections.abc import Sequence
from datetime import timedelta

from docket import Docket, Worker

from scripts.peers.base import Peer, Value, run, url
from scripts.peers.tally import note

REQUIREMENTS = ("pydocket==0.27.0", "hiredis==3.5.0", "uvloop==0.23.0")
BROKER = "redis"
CHOICES = "async handlers; concurrency 100, checks each 10 ms; executions not kept; hiredis; uvloop"

# A batch that fills all slots is followed by a wait of this interval.
OFTEN = timedelta(milliseconds=10)


async def noop(value: Value) -> None:
    """Count."""
    note(value)


def _docket() -> Docket:
    # A pool of redis-py has 100 connections, which are too few for as many jobs and their worker.
    roomy = f"{url()}?max_connections=400"
    docket = Docket(name="bench", url=roomy, execution_ttl=timedelta(0))
    docket.register(noop)
    return docket


class Pydocket(Peer):
    """Many go by ``add_many``."""

    async def open(self) -> None:
        """Connect."""
        self.docket = await _docket().__aenter__()

    async def close(self) -> None:
        """Disconnect."""
        await self.docket.__aexit__(None, None, None)

    async def one(self, value: Value) -> None:
        """Enqueue one."""
        await self.docket.add(noop)(value)

    async def bulk(self, values: Sequence[Value]) -> None:
        """Enqueue many."""
        await self.docket.add_many([self.docket.call(noop)(value) for value in values])

    def work(self) -> None:
        """Run the worker."""
        run(_work())


async def _work() -> None:
    async with (
        _docket() as docket,
        Worker(docket, concurrency=100, minimum_check_interval=OFTEN) as worker,
    ):
        await worker.run_forever()


PEER = Pydocket
