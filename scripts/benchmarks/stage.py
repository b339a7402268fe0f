"""The servers that everything is measured on: our own, on sockets in a temporary folder."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
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
from scripts.benchmarks.usage import Usage, cpu_of

POLL = 0.02  # seconds

KEYS = Keys(Settings().prefix)
QUEUE = Settings().default_queue


@dataclass(frozen=True)
class Stage:
    """A Redis, and a PostgreSQL where one was asked for, for one run of the benchmarks.

    Attributes:
        redis: The server, or the first node of a cluster.
        program: The server's program; None for the wheel's Valkey.
    """

    redis_url: str
    redis: Redis
    database_url: str | None = None
    postgres: AsyncConnection | None = None
    postgres_pid: int | None = None
    program: Path | None = None

    @property
    def nodes(self) -> Sequence[Redis]:
        """Every Redis server."""
        return [self.redis]

    def home(self, key: str) -> Redis:  # noqa: ARG002 - one server has them all
        """Return the node that has a key."""
        return self.redis

    async def reset(self) -> None:
        """Empty the servers, so that each measurement begins with the same."""
        for node in self.nodes:
            # Valkey would free in the background, during the measurement that follows.
            await node.execute_command("FLUSHALL", "SYNC")  # type: ignore[no-untyped-call]
            # A rewrite during a measurement costs it a core: each begins with a short file.
            await _rewritten(node)
            with suppress(ResponseError):  # the server has just begun one by itself
                await node.bgrewriteaof()
            await _rewritten(node)
        if self.postgres:
            await self.postgres.execute("TRUNCATE jobqueue.job_executions, jobqueue.dead_letters")

    async def now(self) -> float:
        """Return the Redis clock in seconds."""
        seconds, micros = await self.redis.time()
        return float(seconds + micros / 1e6)

    async def usages(self) -> list[Usage]:
        """Return what each node has spent so far."""
        return [Usage.of(await node.info("cpu", "commandstats", "stats")) for node in self.nodes]

    async def usage(self) -> Usage:
        """Return what Redis has spent so far."""
        return sum(await self.usages(), start=Usage.NOTHING)

    def postgres_cpu(self) -> float:
        """Return the seconds of CPU that PostgreSQL has spent so far."""
        return cpu_of(self.postgres_pid) if self.postgres_pid else 0.0

    async def succeeded(self, name: str, queues: Sequence[str] = (QUEUE,)) -> int:
        """Return how many jobs of this name have succeeded since the last reset."""
        found = await self._each(
            [KEYS.counts(queue) for queue in queues],
            lambda node, key: node.hget(key, f"succeeded:{name}"),
        )
        return sum(int(each or 0) for each in found)

    async def journal(self, queues: Sequence[str] = (QUEUE,)) -> int:
        """Return how many records wait for the history."""
        keys = [KEYS.journal_rows(queue) for queue in queues]
        return sum(int(each or 0) for each in await self._each(keys, lambda node, k: node.get(k)))

    async def last_record(self, queues: Sequence[str] = (QUEUE,)) -> float:
        """Return when the last journal record was written, in seconds of the Redis clock."""
        newest = await self._each(
            [KEYS.journal(queue) for queue in queues],
            lambda node, key: node.xrevrange(key, count=1),
        )
        return max(int(entry.partition(b"-")[0]) for [(entry, _)] in filter(None, newest)) / 1000

    async def rows(self) -> int:
        """Return the number of rows in the history."""
        if self.postgres is None:
            return 0
        cursor = await self.postgres.execute("SELECT count(*) FROM jobqueue.job_executions")
        [(count,)] = await cursor.fetchall()
        return int(count)

    async def _each(
        self, keys: Sequence[str], ask: Callable[[Any, str], Awaitable[Any]]
    ) -> list[Any]:
        """Ask for each key on its node, one pipeline for each node."""
        found: list[Any] = []
        for node in self.nodes:
            async with node.pipeline(transaction=False) as pipe:
                for key in keys:
                    if self.home(key) is node:
                        ask(pipe, key)
                found += await pipe.execute()
        return found


async def _rewritten(node: Redis) -> None:
    """Wait until no rewrite of the append-only file is under way."""
    while (await node.info("persistence"))["aof_rewrite_in_progress"]:  # noqa: ASYNC110 - it is another process
        await asyncio.sleep(POLL)


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
            yield Stage(server.url, redis, program=program)
            return
        database = stack.enter_context(PostgresServer(folder))
        await asyncio.to_thread(migrate.upgrade, database.url)
        postgres = await AsyncConnection.connect(database.url, autocommit=True)
        await stack.enter_async_context(postgres)
        yield Stage(server.url, redis, database.url, postgres, database.pid, program)
