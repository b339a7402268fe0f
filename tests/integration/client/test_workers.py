"""Workers, rates and statistics as people ask for them."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from jobqueue import ConfigurationError, InvalidJob, JobQueue, Priority, WorkerNotFound
from jobqueue.settings import Settings
from tests.support.stage import SHORT, Stage, stage_on
from tests.support.waiting import wait_until


async def test_a_worker(stage: Stage) -> None:
    """A worker says what it serves and knows; Redis says what it runs, and since when."""
    go = asyncio.Event()

    @stage.app.job(queue="mail", priority="high")
    async def wait() -> None:
        await go.wait()

    async with stage.app.worker(queues=["mail", "other"], concurrency=7) as worker:
        handle = await wait.enqueue()
        await wait_until(stage.app.list_workers, description="the worker says that it lives")

        async def runs() -> bool:
            return (await stage.app.find(handle.id))[0].state == "running"

        await wait_until(runs, description="the worker runs the job")
        found = await stage.app.find_worker(worker.id)
        assert found.jobs is not None
        [job] = found.jobs
        assert (job.id, job.queue, job.name, job.priority) == (
            handle.id,
            "mail",
            "wait",
            Priority.HIGH,
        )
        assert abs(datetime.now(UTC) - job.started_at) < timedelta(minutes=1)
        assert (found.queues, found.concurrency, found.state) == (["mail", "other"], 7, "up")
        assert "wait" in found.names
        [listed] = await stage.app.list_workers(queue="other")
        assert (listed.id, listed.jobs) == (worker.id, None)
        assert await stage.app.list_workers(queue="default") == []
        await stage.app.pause_worker(worker.id, operator="ann", reason="hot")
        paused = await stage.app.find_worker(worker.id)
        assert paused.paused is not None
        assert (paused.state, paused.paused.operator) == ("paused", "ann")
        go.set()
    with pytest.raises(WorkerNotFound):
        await stage.app.find_worker(worker.id)


async def test_rate_and_eta(redis_url: str) -> None:
    """Workers say how fast each queue goes; what is ready will have run after so long."""
    async with stage_on(redis_url, lease=SHORT) as stage:

        @stage.app.job()
        async def work() -> None: ...

        async with stage.app.worker():
            handles = await stage.app.enqueue_many(work.prepare() for _ in range(20))
            await stage.ended(*(each.id for each in handles))

            async def said() -> bool:
                [counts] = await stage.app.queue_counts()
                return bool(counts.rate)

            await wait_until(said, description="the worker has said its rate")
            await stage.app.pause("default")
            await stage.app.enqueue_many(work.prepare() for _ in range(8))
            [counts] = await stage.app.queue_counts()
            assert counts.rate
            assert counts.eta == pytest.approx(8 / counts.rate)
            await stage.app.resume("default")
        [counts] = await stage.app.queue_counts()
        assert counts.rate is None


async def test_stats(redis_url: str, history_url: str) -> None:
    """Runs, failures and waits since the beginning of an hour, by name and by queue."""
    async with stage_on(redis_url, database_url=history_url) as stage, stage.app.scheduler():

        @stage.app.job(retry=0)
        async def run(n: int) -> float:
            return 1 / n

        async with stage.app.worker():
            for n in (1, 1, 1, 0):
                await run.enqueue(n)
            began = datetime.now(UTC)

            async def counted() -> bool:
                found = await stage.app.stats(began)
                return [each.runs for each in found.names] == [4]

            await wait_until(counted, description="four runs in the statistics")
        found = await stage.app.stats(began - timedelta(hours=3))
        [name], [queue] = found.names, found.queues
        assert (name.name, name.failures, name.failure_rate) == ("run", 1, 0.25)
        assert name.mean is not None
        assert name.busy == pytest.approx(4 * name.mean)
        assert (queue.queue, queue.runs) == ("default", 4)
        assert queue.wait_max is not None
        hour = began.replace(minute=0, second=0, microsecond=0)
        assert found.since == hour - timedelta(hours=3)


async def test_stats_need_a_database_and_a_zone(stage: Stage, history_url: str) -> None:
    """Without a database there are none, and a time without a zone is refused."""
    with pytest.raises(ConfigurationError, match="database_url"):
        await stage.app.stats(datetime.now(UTC))
    async with JobQueue(settings=Settings(database_url=history_url)) as app:
        with pytest.raises(InvalidJob):
            await app.stats(datetime(2030, 1, 1))  # noqa: DTZ001 - that is refused
