"""Redis restarts, forgets its scripts, drops its clients or stalls in the middle of the work."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jobqueue import current_job
from jobqueue.broker.lanes import Lane
from jobqueue.broker.servers import Server
from jobqueue.embedded import ValkeyServer
from tests.support.keyspace import miscounted
from tests.support.stage import Stage, each_once, stage_on
from tests.support.waiting import wait_until

JOBS = 300


@asynccontextmanager
async def working(stage: Stage) -> AsyncIterator[asyncio.Event]:
    """Run many jobs; they stop in the middle until the event is set, then all must end well."""
    middle = asyncio.Event()

    @stage.app.job(retry=0)
    async def work(number: int) -> int:
        stage.log.append((number, current_job().delivery))
        if number >= JOBS // 2:
            await middle.wait()
        return number

    jobs = await stage.app.enqueue_many(work.prepare(number) for number in range(JOBS))
    async with stage.app.worker(concurrency=10), stage.app.worker(concurrency=10):
        await stage.logged(JOBS // 2)
        yield middle
        middle.set()
        await stage.ended(*(job.id for job in jobs), deadline=30)
    rows = await stage.rows()
    each_once(rows)
    assert {row.outcome for row in rows} == {"succeeded"}
    assert sorted(stage.log) == [(number, 1) for number in range(JOBS)]


@pytest.mark.parametrize("how", ["in order", "killed"])
async def test_redis_restarts(breakable_redis: ValkeyServer, how: str) -> None:
    """With AOF, a restart loses nothing and doubles nothing; workers come back by themselves."""

    def restart() -> None:
        if how == "killed":
            breakable_redis.kill()
            breakable_redis.start()
        else:
            breakable_redis.restart()

    async with stage_on(breakable_redis.url) as stage:
        async with working(stage) as middle:
            restarting = asyncio.create_task(asyncio.to_thread(restart))
            await asyncio.sleep(0)
            middle.set()
            await restarting
        assert miscounted(breakable_redis.url) == []


Disturb = Callable[[Stage], Awaitable[Any]]


@pytest.mark.parametrize(
    "command",
    [
        ("SCRIPT", "FLUSH"),
        ("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"),
        ("CLIENT", "PAUSE", 300, "ALL"),
        ("CLIENT", "PAUSE", 300, "WRITE"),
    ],
    ids=["scripts", "clients", "stall", "no writes"],
)
async def test_again_and_again(
    stage: Stage, redis_url: str, command: tuple[str | int, ...]
) -> None:
    """Whatever Redis does to its clients, jobs run once each."""
    async with working(stage) as middle:
        for _ in range(5):
            await stage.broker.redis(*command)
            await stage.broker.redis("PING")
        middle.set()
        for _ in range(5):
            await stage.broker.redis(*command)
            await stage.broker.redis("PING")
    assert miscounted(redis_url) == []


class Impatient(Server):
    """Waits for answers half a second, instead of ten."""

    def lane(self, timeout: float | None = None) -> Lane:
        """Return a lane that loses its patience soon."""
        return super().lane(timeout or 0.5)


async def test_a_stall_longer_than_the_patience(stage: Stage, redis_url: str) -> None:
    """Calls that were given up and carried out later change nothing when they are repeated."""
    stage.app.wiring.server = Impatient(redis_url)
    async with working(stage) as middle:
        for _ in range(2):
            await stage.broker.redis("CLIENT", "PAUSE", 1200, "ALL")
            middle.set()
            await stage.broker.redis("PING")
    assert miscounted(redis_url) == []


async def test_out_of_memory(stage: Stage, redis_url: str) -> None:
    """At its memory limit Redis takes no new jobs, and running ones end as always."""
    async with working(stage) as middle:
        await wait_until(lambda: len(stage.log) == JOBS // 2 + 20, description="full workers")
        await stage.broker.redis("CONFIG", "SET", "maxmemory", 1)
        middle.set()
        await wait_until(lambda: len(stage.log) == JOBS, description="every job started")
        await stage.broker.redis("CONFIG", "SET", "maxmemory", 0)
    assert miscounted(redis_url) == []
