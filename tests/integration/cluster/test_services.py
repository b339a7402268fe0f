"""Every service does its work on a cluster, for queues that live on different masters."""

import asyncio
from collections import Counter
from contextlib import closing
from functools import partial

import pytest

from jobqueue import (
    ConfigurationError,
    JobCancelled,
    JobFailed,
    JobHandle,
    Progress,
    Retry,
    current_job,
)
from jobqueue.settings import Settings
from tests.support.cluster import Cluster
from tests.support.keyspace import miscounted
from tests.support.stage import Stage, each_once, stage_on
from tests.support.waiting import wait_until

JOBS = 50


async def rows_of(stage: Stage, queues: dict[int, str]) -> Counter[str]:
    """Return how many jobs of each queue have ended."""
    found: Counter[str] = Counter()
    for queue in queues.values():
        stage.broker.queue = queue
        rows = await stage.rows()
        each_once(rows)
        found[queue] = sum(row.final for row in rows)
    return found


async def test_jobs_of_all_queues(stage: Stage, queues: dict[int, str], cluster: Cluster) -> None:
    """Two workers run the jobs of queues on every master, each once; idle ones hear of each."""

    @stage.app.job(retry=0)
    async def work(number: int) -> int:
        stage.log.append(number)
        return number

    names = list(queues.values())
    async with (
        stage.app.worker(queues=names, concurrency=5),
        stage.app.worker(queues=names, concurrency=5),
    ):
        jobs = await stage.app.enqueue_many(
            work.options(queue=queue).prepare(number) for queue in names for number in range(JOBS)
        )
        assert await asyncio.gather(*(job.result(timeout=30) for job in jobs)) == [
            *range(JOBS)
        ] * len(names)
        for queue in names * 3:  # one by one, each of which an idle worker hears of
            job = await work.options(queue=queue).enqueue(1)
            assert await job.result(timeout=30) == 1
    assert await rows_of(stage, queues) == dict.fromkeys(names, JOBS + 3)
    assert miscounted(cluster.url) == []


async def test_without_an_event_loop(stage: Stage, queues: dict[int, str]) -> None:
    """The blocking client enqueues, waits and cancels on every master."""

    @stage.app.job(retry=0)
    async def work(number: int) -> int:
        return number

    def produce() -> list[int]:
        jobs = [work.options(queue=queue).enqueue_sync(n) for n, queue in queues.items()]
        later = work.options(queue=queues[0], delay=60).enqueue_sync(7)
        later.cancel_sync()
        with pytest.raises(JobCancelled):
            later.result_sync(timeout=30)
        return [job.result_sync(timeout=30) for job in jobs]

    async with stage.app.worker(queues=list(queues.values())):
        assert await asyncio.to_thread(produce) == list(queues)


async def test_progress_and_cancellation(stage: Stage, queues: dict[int, str]) -> None:
    """A running job is heard of, and hears, wherever its queue lives."""
    names = list(queues.values())

    asked = {queue: asyncio.Event() for queue in names}

    @stage.app.job(retry=0)
    async def reports() -> None:
        await asked[current_job().queue].wait()
        current_job().progress(0.5)
        await asyncio.Event().wait()

    async def waited_for(job: JobHandle[None]) -> bool:
        return "waiters" in await stage.broker.state(job.id)

    async with stage.app.worker(queues=names):
        for queue in names:
            job = await reports.options(queue=queue).enqueue()
            heard: list[Progress] = []
            waiting = asyncio.create_task(job.result(timeout=30, on_progress=heard.append))
            stage.broker.queue = queue
            await wait_until(partial(waited_for, job), description="a waiter")
            asked[queue].set()
            await wait_until(partial(len, heard), description="progress")
            await job.cancel("enough")
            with pytest.raises(JobCancelled):
                await waiting


async def test_schedules_and_history(
    cluster: Cluster, queues: dict[int, str], history_url: str
) -> None:
    """Retries, schedules, limits, lookups and records of every master's queues."""
    names = list(queues.values())
    async with stage_on(cluster.url, database_url=history_url) as stage:
        app = stage.app

        @app.job(retry=Retry(1, base=0.05))
        async def twice() -> int:
            if current_job().attempt == 1:
                raise ValueError("first")
            return current_job().attempt

        @app.job(retry=0)
        async def fails() -> None:
            raise ValueError("always")

        @app.every(0.2)
        @app.job(queue=names[1])
        async def tick() -> None:
            stage.log.append("tick")

        @app.job(limit=1)
        async def alone() -> None: ...

        async with app.scheduler(), app.worker(queues=names):
            retried = [await twice.options(queue=queue).enqueue() for queue in names]
            limited = [await alone.options(queue=queue).enqueue() for queue in names * 3]
            dead = await fails.options(queue=names[2]).enqueue()
            with pytest.raises(JobFailed, match="always"):
                await dead.result(timeout=30)
            assert [await job.result(timeout=30) for job in retried] == [2] * len(names)
            for job in limited:
                await job.result(timeout=30)
            await stage.logged(2)

            async def recorded() -> bool:
                others = [c for c in await app.queue_counts() if c.name != names[1]]
                return bool(await app.dead_letters()) and not any(c.journal for c in others)

            await wait_until(recorded, description="all that ended is in PostgreSQL")
            [view] = await app.find(dead.id)
            assert (view.queue, view.state) == (names[2], "dead")
            assert {count.name for count in await app.queue_counts()} == set(names)
            assert len(await app.living()) == 2


async def test_one_database_only() -> None:
    """A cluster has one database; the error says so."""
    with pytest.raises(ConfigurationError, match="a cluster has only database 0"):
        Settings(redis_url="redis+cluster://127.0.0.1:6379/3")


async def test_facts(cluster: Cluster) -> None:
    """What a service asks at its start, it asks every master."""
    async with stage_on(cluster.url) as stage:
        cluster.masters()[1].run("CONFIG", "SET", "maxmemory", 1 << 30)
        cluster.masters()[2].run("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        facts = await stage.app.services.start.facts()
        for node in cluster.masters():
            node.run("CONFIG", "SET", "maxmemory", 0)
            node.run("CONFIG", "SET", "maxmemory-policy", "noeviction")
        assert (facts.maxmemory, facts.policy) == (1 << 30, "allkeys-lru")


async def test_keys_are_removed_everywhere(cluster: Cluster, queues: dict[int, str]) -> None:
    """What a test's clean-up removes, it removes on every master."""
    from jobqueue.broker import installation
    from jobqueue.broker.keys import Keys
    from jobqueue.broker.servers import Server

    with closing(Server(cluster.url).sync_lane()) as lane:
        for queue in queues.values():
            lane.command("SET", f"jobqueue:{{{queue}}}:rules", "x")
        installation.remove(lane, Keys("jobqueue"))
    assert not any(node.run("DBSIZE") for node in cluster.masters())
