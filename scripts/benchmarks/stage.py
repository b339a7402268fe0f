"""The servers that everything is measured on: our own, on sockets in a temporary folder."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from jobqueue.broker.keys import Keys
from jobqueue.embedded import PostgresServer, ValkeyServer
from jobqueue.history import migrate
from jobqueue.settings import Settings
from scripts.benchmarks.usage import Usage

POLL = 0.02  # seconds

KEYS = Keys(Settings().prefix)
QUEUE = Settings().default_queue


@dataclass(frozen=True)
class Stage:
    """A Redis, and a PostgreSQL where one was asked for, for one run of the benchmarks."""

    redis_url: str
    redis: Redis
    database_url: str | None = None
    postgres: AsyncConnection | None = None

    async def reset(self) -> None:
        """Empty the servers, so that each measurement begins with the same."""
        await self.redis.flushall()
        # A rewrite during a measurement costs it a core: each begins with a short file.
        await self._rewritten()
        with suppress(ResponseError):  # the server has just begun one by itself
            await self.redis.bgrewriteaof()
        await self._rewritten()
        if self.postgres:
            await self.postgres.execute("TRUNCATE jobqueue.job_executions, jobqueue.dead_letters")

    async def _rewritten(self) -> None:
        """Wait until no rewrite of the append-only file is under way."""
        while (await self.redis.info("persistence"))["aof_rewrite_in_progress"]:  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(POLL)

    async def now(self) -> float:
        """Return the Redis clock in seconds."""
        seconds, micros = await self.redis.time()
        return float(seconds + micros / 1e6)

    async def usage(self) -> Usage:
        """Return what Redis has spent so far."""
        return Usage.of(await self.redis.info("cpu", "commandstats", "stats"))

    async def succeeded(self, name: str, queues: Sequence[str] = (QUEUE,)) -> int:
        """Return how many jobs of this name have succeeded since the last reset."""
        async with self.redis.pipeline(transaction=False) as pipe:
            for queue in queues:
                pipe.hget(KEYS.counts(queue), f"succeeded:{name}")
            return sum(int(found or 0) for found in await pipe.execute())

    async def journal(self, queues: Sequence[str] = (QUEUE,)) -> int:
        """Return how many records wait for the history."""
        return sum(
            int(found or 0) for found in await self.redis.mget(map(KEYS.journal_rows, queues))
        )

    async def last_record(self, queues: Sequence[str] = (QUEUE,)) -> float:
        """Return when the last journal record was written, in seconds of the Redis clock."""
        async with self.redis.pipeline(transaction=False) as pipe:
            for queue in queues:
                pipe.xrevrange(KEYS.journal(queue), count=1)
            newest: Any = await pipe.execute()
        return max(int(entry.partition(b"-")[0]) for [(entry, _)] in filter(None, newest)) / 1000

    async def rows(self) -> int:
        """Return the number of rows in the history."""
        if self.postgres is None:
            return 0
        cursor = await self.postgres.execute("SELECT count(*) FROM jobqueue.job_executions")
        [(count,)] = await cursor.fetchall()
        return int(count)


@asynccontextmanager
async def opened(program: Path | None, *, history: bool) -> AsyncIterator[Stage]:
    """Start the servers; at the end stop them and remove their data.

    Args:
        program: A Redis or Valkey server; None takes the wheel's Valkey.
        history: Whether to start a PostgreSQL with our schema too.

    Raises:
        JobQueueError: A server can't be started; the message says why.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jobqueue-bench-")))
        server = stack.enter_context(ValkeyServer(folder, program=program))
        # With a timeout redis-py sends by wait_for(), which on Python 3.11 swallows a Ctrl-C.
        redis = Redis.from_url(server.url, protocol=3, socket_timeout=None)
        await stack.enter_async_context(redis)
        if not history:
            yield Stage(server.url, redis)
            return
        database = stack.enter_context(PostgresServer(folder))
        await asyncio.to_thread(migrate.upgrade, database.url)
        postgres = await AsyncConnection.connect(database.url, autocommit=True)
        await stack.enter_async_context(postgres)
        yield Stage(server.url, redis, database.url, postgres)
