"""Promotion goes on whatever happens to Redis, to other schedulers and to PostgreSQL."""

import asyncio
import random
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest

from jobqueue import Retry, current_job
from jobqueue.embedded import ValkeyServer
from jobqueue.scheduler import promoter
from jobqueue.scheduler.promoter import Promoter
from tests.support.keyspace import miscounted
from tests.support.ports import free_port
from tests.support.stage import Stage, each_once, noting, stage_on
from tests.support.waiting import wait_until

NO_SERVER = "postgresql://nobody@127.0.0.1:{}/none"


async def test_never_early(stage: Stage) -> None:
    """By the server's clock no job becomes ready before its time, by delay or by date."""
    note, rng = noting(stage), random.Random(11)
    now = datetime.now(UTC)
    due: dict[str, float] = {}
    async with stage.app.scheduler(), stage.app.scheduler(), stage.app.worker():
        for number in range(60):
            wait = rng.uniform(0.01, 1.5)
            by_date = note.options(run_at=now + timedelta(seconds=wait))
            job = await (note.options(delay=wait) if number % 2 else by_date).enqueue(number)
            due[job.id] = wait if number % 2 else (now.timestamp() + wait) * 1000
        rows = await stage.ended(*due)
    for row in rows:
        at = due[row.job_id]
        # A delay is rounded to whole milliseconds, a date is rounded up.
        assert row.ready_ms >= (at if at > 1e6 else row.enqueued_ms + round(at * 1000))


async def test_retries_are_promoted_too(stage: Stage, redis_url: str) -> None:
    """A retry is due like a delayed job, and keeps its count of attempts."""

    @stage.app.job(retry=Retry(4, base=0.02, jitter="none"))
    async def flaky() -> None:
        if current_job().attempt < 5:
            raise LookupError

    jobs = [await flaky.enqueue() for _ in range(20)]
    async with stage.app.scheduler(), stage.app.worker():
        rows = await stage.ended(*(job.id for job in jobs))
    assert {(row.attempt, row.delivery) for row in rows} == {(5, 5)}
    assert miscounted(redis_url) == []


async def test_a_queue_that_is_new(stage: Stage) -> None:
    """The first job of a queue may be a delayed one; a scheduler finds the queue by itself."""
    note = noting(stage)
    async with stage.app.scheduler(), stage.app.worker(queues=["default", "new"]):
        await note.enqueue(1)
        await stage.logged(1)
        await note.options(queue="new", delay=0.05).enqueue(2)
        await stage.logged(2)


async def test_a_pile_in_one_queue(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is due at once, a turn ends, so that other queues and new ones get theirs."""
    monkeypatch.setattr(promoter, "LONGEST", 0.001)
    note, broker = noting(stage), stage.broker
    template = note.options(delay=timedelta(hours=1))
    jobs = await stage.app.enqueue_many(template.prepare(n) for n in range(5000))
    await broker.mature(*(job.id for job in jobs))
    turns = Promoter(broker.lane, broker.lane, broker.calls)
    assert await turns.promote([broker.queue]) == 0.0
    left = [await broker.redis("ZCARD", broker.keys.scheduled(broker.queue))]
    assert left[0] > 0
    while left[-1]:
        await turns.promote([broker.queue])
        left.append(await broker.redis("ZCARD", broker.keys.scheduled(broker.queue)))
    assert left == sorted(set(left), reverse=True)
    assert await broker.counts() == {"ready:note": 5000}


async def test_many_queues(stage: Stage) -> None:
    """Each of many queues is promoted, by one scheduler in one round."""
    note = noting(stage)
    queues = [f"q{number}" for number in range(60)]
    due = datetime.now(UTC) + timedelta(seconds=0.5)
    for number, queue in enumerate(queues):
        await note.options(queue=queue, run_at=due).enqueue(number)
    async with stage.app.scheduler(), stage.app.worker(queues=queues):
        assert sorted(await stage.logged(60)) == list(range(60))


@pytest.mark.parametrize(
    "command",
    [
        ("SCRIPT", "FLUSH"),
        ("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"),
        ("CLIENT", "PAUSE", 200, "ALL"),
    ],
    ids=["scripts", "clients", "stall"],
)
async def test_redis_disturbs(stage: Stage, command: tuple[str | int, ...]) -> None:
    """Whatever Redis does to its clients, each job is promoted once."""
    note = noting(stage)
    jobs = [await note.options(delay=n / 200).enqueue(n) for n in range(200)]
    async with stage.app.scheduler(), stage.app.scheduler(), stage.app.worker():
        for n in range(5):
            await stage.logged(30 * n)
            await stage.broker.redis(*command)
            await stage.broker.redis("PING")
        await stage.ended(*(job.id for job in jobs))
    each_once(await stage.rows())
    assert sorted(stage.log) == list(range(200))


async def test_redis_restarts(breakable_redis: ValkeyServer) -> None:
    """After a restart of Redis a scheduler comes back by itself, and health says so."""
    async with stage_on(breakable_redis.url) as stage:
        note = noting(stage)
        jobs = [await note.options(delay=1 + n / 100).enqueue(n) for n in range(100)]
        async with stage.app.scheduler() as scheduler, stage.app.worker():
            await asyncio.to_thread(breakable_redis.kill)
            await wait_until(lambda: scheduler.problems, description="a problem")
            await asyncio.to_thread(breakable_redis.start)
            await stage.ended(*(job.id for job in jobs))
            await wait_until(lambda: not scheduler.problems, description="no problem")
        each_once(await stage.rows())


async def test_postgresql_is_away_from_the_start(redis_url: str) -> None:
    """Without PostgreSQL a scheduler starts, promotes, fires, and says what it can't do."""
    url = NO_SERVER.format(free_port())
    async with stage_on(redis_url, database_url=url) as stage:
        note = noting(stage)

        @stage.app.every(0.2)
        @stage.app.job()
        async def tick() -> None:
            stage.log.append("tick")

        async with stage.app.scheduler() as scheduler, stage.app.worker():
            job = await note.options(delay=0.1).enqueue(1)
            await stage.ended(job.id)
            await wait_until(lambda: stage.log.count("tick") >= 2, description="two ticks")
            await wait_until(lambda: len(scheduler.problems) == 4, description="all say so")
            assert all("PostgreSQL" in problem for problem in scheduler.problems)
            assert [row for row in await stage.rows() if row.job_id == job.id]


async def test_schedulers_come_and_go(stage: Stage) -> None:
    """While schedulers start and stop all the time, each job is promoted once."""
    note = noting(stage)
    jobs = [await note.options(delay=n / 150).enqueue(n) for n in range(300)]
    async with stage.app.worker(), AsyncExitStack() as stack:
        for n in range(1, 11):
            await stack.enter_async_context(stage.app.scheduler())
            await stage.logged(30 * n)
            await stack.aclose()
        await stack.enter_async_context(stage.app.scheduler())
        await stage.ended(*(job.id for job in jobs))
    each_once(await stage.rows())
