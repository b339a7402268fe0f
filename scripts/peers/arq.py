"""arq on Redis."""

from typing import Any

from arq import Worker, create_pool
from arq.connections import RedisSettings

from scripts.peers.base import Peer, Value, url
from scripts.peers.tally import note

REQUIREMENTS = ("arq==0.28.0", "redis==5.3.1", "hiredis==3.5.0", "uvloop==0.23.0")
BROKER = "redis"
CHOICES = "async handlers; 100 jobs at once; results not kept; poll delay 10 ms; hiredis; uvloop"


async def noop(_context: dict[Any, Any], value: Value) -> None:
    """Count."""
    note(value)


class Arq(Peer):
    """It has no call for many: they go concurrently."""

    async def open(self) -> None:
        """Connect."""
        self.pool = await create_pool(RedisSettings.from_dsn(url()))

    async def close(self) -> None:
        """Disconnect."""
        await self.pool.aclose()

    async def one(self, value: Value) -> None:
        """Enqueue one."""
        await self.pool.enqueue_job("noop", value)

    def work(self) -> None:
        """Run the worker."""
        import asyncio

        import uvloop

        asyncio.set_event_loop(uvloop.new_event_loop())
        Worker(
            [noop],
            redis_settings=RedisSettings.from_dsn(url()),
            max_jobs=100,
            keep_result=0,
            poll_delay=0.01,
        ).run()


PEER = Arq
