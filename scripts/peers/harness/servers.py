"""The servers that all peers use: Redis on a port of loopback, PostgreSQL by its socket."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier
from redis.asyncio import Redis

from jobqueue.embedded import PostgresServer, ValkeyServer
from scripts.benchmarks import memory
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.usage import cpu_of
from scripts.common import ports

DATABASE = "peers"

# As durable as an append-only file that is synced every second.
POSTGRES = {"synchronous_commit": "off", "shared_buffers": "256MB", "max_wal_size": "2GB"}


@dataclass(frozen=True)
class Servers:
    """Both servers, for a run.

    Attributes:
        stage: Our own measurements on the same Redis.
        folder: For logs and tallies.
    """

    stage: Stage
    folder: Path
    pids: dict[str, int]
    urls: dict[str, str]
    admin: AsyncConnection | None

    def url(self, broker: str) -> str:
        """Return where the peers' broker is."""
        return self.urls[broker]

    async def reset(self, broker: str) -> None:
        """Empty the broker."""
        if broker == "redis":
            await self.stage.reset()
        elif self.admin:
            name = Identifier(DATABASE)
            await self.admin.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            await self.admin.execute(SQL("CREATE DATABASE {}").format(name))
            await self.admin.execute("CHECKPOINT")

    async def size(self, broker: str) -> int:
        """Return the bytes that the broker's data takes."""
        if broker == "redis" or not self.admin:
            return await memory.used(self.stage)
        cursor = await self.admin.execute("SELECT pg_database_size(%s)", (DATABASE,))
        [(size,)] = await cursor.fetchall()
        return int(size)

    def cpu(self, broker: str) -> float:
        """Return the seconds of CPU that the broker has spent so far."""
        return cpu_of(self.pids[broker])


@asynccontextmanager
async def opened(program: Path | None, *, postgres: bool) -> AsyncIterator[Servers]:
    """Start the servers; at the end stop them and remove their data.

    Raises:
        JobQueueError: A server can't be started; the message says why.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jobqueue-peers-")))
        [port] = ports.free(1)
        valkey = ValkeyServer(folder, program=program, settings={"port": str(port)})
        await asyncio.to_thread(valkey.start)
        stack.push_async_callback(asyncio.to_thread, valkey.stop)
        url = f"redis://127.0.0.1:{port}/0"
        redis = Redis.from_url(url, protocol=3, socket_timeout=None)
        await stack.enter_async_context(redis)
        pids, urls = {"redis": valkey.pid}, {"redis": url}
        admin = None
        if postgres:
            server = PostgresServer(folder, settings=POSTGRES)
            await asyncio.to_thread(server.start)
            stack.push_async_callback(asyncio.to_thread, server.stop)
            admin = await AsyncConnection.connect(server.url, autocommit=True)
            await stack.enter_async_context(admin)
            pids["postgres"], urls["postgres"] = server.pid, server.url_of(DATABASE)
        yield Servers(Stage(url, redis), folder, pids, urls, admin)
