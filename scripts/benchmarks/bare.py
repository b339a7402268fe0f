"""The bare limit: Redis Streams from one Python process, without any queue around them.

Pipelined ``XADD`` in batches of the size that the library uses, then a loop that reads 100
entries, starts a task for each, and acknowledges and deletes them with the next read. No
priorities, leases, retries, journal or repeatable calls: what a queue adds costs extra. One
by one, each entry is added by a script of one ``XADD`` and waited for, async and blocking.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from redis import Redis
from redis.asyncio.connection import AbstractConnection

from jobqueue.client.batches import MOST_JOBS
from scripts.benchmarks.figures import Broken, Family, Figure, Size, Values, cpu
from scripts.benchmarks.meter import Meter
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.usage import MICRO

AT_ONCE = 100  # entries that one round trip adds, where they come by the hundred
READ = 100  # entries in a round trip: the library's concurrency
BODY = b'{"number":12345}'
COMMAND = ("XADD", "bare", "*", "job", BODY)
TAKE = ("XREADGROUP", "GROUP", "workers", "bench", "COUNT", READ, "STREAMS", "bare", ">")

SCRIPT = "return redis.call('XADD', KEYS[1], '*', 'job', ARGV[1])"

BULK, HUNDRED, DRAIN = "bare.bulk", "bare.hundred", "bare.drain"
ONE, ONE_SYNC = "bare.one", "bare.one_sync"

Commands = Sequence[Sequence[Any]]


async def measure(stage: Stage, size: Size) -> Values:
    """Add and drain as many entries as there are jobs."""
    jobs, few = size.jobs, size.jobs // 10
    async with _connected(stage) as connection:
        async with Meter(stage) as bulk:
            await _add(connection, jobs)
        await stage.redis.xgroup_create("bare", "workers", "0")
        async with Meter(stage) as drain:
            ran = await _drain(connection)
        await stage.redis.delete("bare")
        async with Meter(stage) as hundred:
            await _add(connection, jobs, AT_ONCE)
        async with Meter(stage) as one:
            await _one_by_one(connection, few)
    async with Meter(stage) as one_sync:
        await asyncio.to_thread(_one_by_one_sync, stage.redis_url, few)
    if ran != jobs:
        raise Broken(f"{ran} of {jobs} entries came out")
    return {
        **bulk.values(BULK, jobs),
        **hundred.values(HUNDRED, jobs),
        **one.values(ONE, few),
        **one_sync.values(ONE_SYNC, few),
        DRAIN: jobs / drain.seconds,
        f"{DRAIN}.worker_cpu": drain.own / jobs * MICRO,
        f"{DRAIN}.redis_cpu": drain.redis.cpu / jobs * MICRO,
    }


@asynccontextmanager
async def _connected(stage: Stage) -> AsyncIterator[AbstractConnection]:
    connection: AbstractConnection = stage.redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    await connection.connect()  # type: ignore[no-untyped-call]
    try:
        yield connection
    finally:
        await connection.disconnect()


async def _exchange(connection: AbstractConnection, commands: Commands) -> list[Any]:
    await connection.send_packed_command(connection.pack_commands(commands))
    return [await connection.read_response() for _ in commands]


async def _add(connection: AbstractConnection, jobs: int, at_once: int = MOST_JOBS) -> None:
    """Add entries, so many in a round trip."""
    for first in range(0, jobs, at_once):
        await _exchange(connection, [COMMAND] * min(at_once, jobs - first))


async def _one_by_one(connection: AbstractConnection, jobs: int) -> None:
    """Add entries by a script and wait for each."""
    [sha] = await _exchange(connection, [("SCRIPT", "LOAD", SCRIPT)])
    for _ in range(jobs):
        await _exchange(connection, [("EVALSHA", sha, 1, "bare", BODY)])


def _one_by_one_sync(url: str, jobs: int) -> None:
    """Do the same by blocking calls."""
    with Redis.from_url(url, protocol=3) as redis:
        connection = redis.connection_pool.get_connection()
        connection.send_command("SCRIPT", "LOAD", SCRIPT)
        sha = connection.read_response()
        for _ in range(jobs):
            connection.send_command("EVALSHA", sha, 1, "bare", BODY)
            connection.read_response()


async def _drain(connection: AbstractConnection) -> int:
    """Read, run and acknowledge until nothing is left; return how many ran."""
    ran = 0

    async def handle(_: object) -> None:
        nonlocal ran
        ran += 1

    settle: list[Sequence[Any]] = []
    while True:
        answer = (await _exchange(connection, [*settle, TAKE]))[-1]
        if not answer:
            return ran
        entries = answer[b"bare"]
        await asyncio.gather(*[asyncio.create_task(handle(fields)) for _, fields in entries])
        ids = [entry for entry, _ in entries]
        settle = [("XACK", "bare", "workers", *ids), ("XDEL", "bare", *ids)]


FAMILY = Family(
    "bare",
    (
        Figure(BULK, "bare limit: pipelined XADD", "/s"),
        *cpu(BULK, "producer", "redis", of="an entry"),
        Figure(HUNDRED, "bare limit: pipelined XADD, 100 at once", "/s"),
        *cpu(HUNDRED, "producer", "redis", of="an entry"),
        Figure(DRAIN, "bare limit: XREADGROUP, XACK+XDEL", "/s"),
        *cpu(DRAIN, "worker", "redis", of="an entry"),
        Figure(ONE, "bare limit: EVALSHA one by one", "/s"),
        *cpu(ONE, "producer", "redis", of="an entry"),
        Figure(ONE_SYNC, "bare limit: EVALSHA one by one, blocking", "/s"),
        *cpu(ONE_SYNC, "producer", "redis", of="an entry"),
    ),
    measure,
    seconds=7,
)

AS_PEER = {
    "drain": DRAIN,
    "bulk": BULK,
    "hundred": HUNDRED,
    "one": ONE,
    "worker_cpu": f"{DRAIN}.worker_cpu",
    "broker_cpu": f"{DRAIN}.redis_cpu",
}
"""What a comparison with other queues calls these figures."""
