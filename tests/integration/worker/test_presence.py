"""What a worker says of itself, and what ends a worker."""

import asyncio
import os
from typing import Any

import pytest

from jobqueue import JobHandle
from jobqueue.broker.presence import services
from tests.support.stage import SHORT, Stage, stage_on
from tests.support.waiting import wait_until

FULL = "the journal of queue default is past its bound: is a recorder running?"


async def living(stage: Stage) -> list[dict[str, Any]]:
    """Return what the living workers say of themselves."""
    return await services(stage.broker.lane, stage.broker.keys, "worker")


async def told(stage: Stage, **fields: Any) -> dict[str, Any]:
    """Wait until the one worker says this of itself; return all that it says."""

    async def said() -> dict[str, Any]:
        [worker] = await living(stage) or [{}]
        return worker if worker.items() >= fields.items() else {}

    return await wait_until(said, description=f"a worker that says {fields}")


async def test_a_worker_is_seen_until_it_stops(redis_url: str) -> None:
    """It says who it is and what it does, again with each beat, and is gone when it stops."""
    release = asyncio.Event()
    async with stage_on(redis_url, lease=SHORT) as stage:

        @stage.app.job()
        async def work() -> None:
            await release.wait()

        async with stage.app.worker(queues=["b", "default"], concurrency=7) as worker:
            said = await told(stage, id=worker.id, running=0, done=0)
            assert (said["role"], said["pid"], said["problem"]) == ("worker", os.getpid(), "")
            assert (said["queues"], said["concurrency"]) == (["b", "default"], 7)
            assert said["names"] == ["work"]
            await work.enqueue()
            await told(stage, running=1, done=0)
            release.set()
            await told(stage, running=0, done=1)
        assert await living(stage) == []


async def test_a_worker_that_dies_is_soon_not_seen(redis_url: str) -> None:
    """What a worker said lives twice as long as a lease, unless it says it again."""
    async with stage_on(redis_url, lease=SHORT) as stage, stage.app.worker() as worker:
        await told(stage, id=worker.id)
        key = stage.broker.keys.presence(f"worker:{worker.id}")
        assert 0 < await stage.broker.redis("PTTL", key) <= 2 * SHORT * 1000


async def test_health_says_that_the_journal_is_full(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Past the journal's bound nothing is fetched, health says why, and it ends with the reason."""
    bound = 1 << 20
    async with stage_on(redis_url, lease=SHORT, journal_limit=bound) as stage:

        @stage.app.job()
        async def work(text: str) -> None:
            stage.log.append(text)

        await stage.app.enqueue_many(work.prepare("x" * 50_000) for _ in range(100))
        async with stage.app.worker(concurrency=2):
            said = await told(stage, running=0, problem=FULL)
            stopped_at = len(stage.log)
            assert 15 < stopped_at < 30
            assert said["done"] == stopped_at
            await stage.broker.recorded(bound=bound)
            await wait_until(lambda: len(stage.log) > stopped_at, description="jobs run again")

            async def recorded() -> bool:
                await stage.broker.recorded(bound=bound)
                return len(stage.log) == 100

            await wait_until(recorded, description="all jobs run")
            await told(stage, running=0, problem="")
    assert 1 <= caplog.messages.count("fetching stopped") <= 20


async def at_work(stage: Stage) -> tuple[JobHandle[None], asyncio.Task[None]]:
    """Return a job that never ends, and the worker that runs it."""

    @stage.app.job()
    async def work() -> None:
        stage.log.append("started")
        await asyncio.Event().wait()

    job = await work.enqueue()
    worker = await stage.app.services.worker()
    running = asyncio.create_task(worker.run())
    await stage.logged(1)
    return job, running


async def test_a_component_that_fails_ends_the_worker(redis_url: str) -> None:
    """Half a worker would keep jobs that it can't look after: it hands them back and says why."""
    async with stage_on(redis_url, lease=SHORT, grace=0.0) as stage:
        job, running = await at_work(stage)
        # No worker has such an id: the reclaimer can't read it.
        await stage.broker.redis("ZADD", stage.broker.keys.leases("default"), 1, b"\xff")
        with pytest.raises(UnicodeDecodeError):
            await running
        await stage.broker.redis("ZREM", stage.broker.keys.leases("default"), b"\xff")
        assert await stage.outcomes(job.id) == ["released"]
        assert await stage.state(job.id) == "ready"


async def test_a_cancelled_worker_hands_its_jobs_back(stage: Stage) -> None:
    """Cancelling a worker is like stopping it at once."""
    job, running = await at_work(stage)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await stage.outcomes(job.id) == ["released"]
    assert await living(stage) == []
