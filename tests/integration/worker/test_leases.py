"""Who owns a job: a living worker keeps it, one that lost it changes nothing."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from typing import Any

import pytest

from jobqueue import current_job
from jobqueue.broker.calls import Call, Calls
from jobqueue.broker.keys import Keys
from jobqueue.broker.messages import Fetched
from jobqueue.broker.servers import Server
from jobqueue.worker.heartbeat import Heartbeat
from jobqueue.worker.held import Pool
from jobqueue.worker.requests import Requests
from jobqueue.worker.worker import Worker
from tests.support.keyspace import miscounted
from tests.support.neighbour import neighbour
from tests.support.stage import SHORT, Stage, each_once, stage_on
from tests.support.waiting import wait_until, wait_until_sync


@pytest.fixture
async def stage(redis_url: str) -> AsyncIterator[Stage]:
    """An app with the shortest lease."""
    async with stage_on(redis_url, lease=SHORT) as stage:
        yield stage


async def test_a_handler_that_blocks_the_loop_keeps_its_lease(stage: Stage, redis_url: str) -> None:
    """For two leases nothing runs on the loop, and no other worker takes the job."""
    go = asyncio.Event()

    def declare(other: Stage) -> None:
        @other.app.job(name="block")
        async def block() -> None:
            other.log.append("taken")

    @stage.app.job()
    async def block() -> int:
        stage.log.append("started")
        await go.wait()
        with closing(Server(redis_url).sync_lane()) as lane:

            def expiry() -> float:
                return float(lane.command("ZSCORE", key, worker.id))

            until = expiry() + 3 * SHORT * 1000
            wait_until_sync(lambda: expiry() > until, description="renewals")  # blocks the loop
        return current_job().delivery

    key = stage.broker.keys.leases("default")
    job = await block.enqueue()
    async with stage.app.worker() as worker:
        await stage.logged(1)
        with neighbour(redis_url, declare, lease=SHORT) as other:
            go.set()
            [row] = await stage.ended(job.id)
        assert other.log == []
    assert (row.outcome, row.delivery, row.result) == ("succeeded", 1, b"1")
    assert row.finished_us - row.started_us >= 2 * SHORT * 1_000_000


async def test_a_dead_workers_job_runs_elsewhere(stage: Stage) -> None:
    """Within its lease and a sweep a silent worker's job is taken; its delivery is a row."""

    @stage.app.job()
    async def work() -> None:
        stage.log.append(current_job().delivery)

    await stage.broker.enqueue("job", name="work")
    await stage.broker.fetch("dead", lease_ms=round(SHORT * 1000))
    died = time.monotonic()
    async with stage.app.worker():
        [row] = await stage.ended("job")
    assert time.monotonic() - died >= SHORT
    assert (row.delivery, row.attempt, row.crashes) == (2, 1, 1)
    lost, _ = await stage.rows("job")
    assert (lost.outcome, lost.worker, lost.attempt, lost.final) == ("lost", "dead", 1, False)


async def lose(stage: Stage, worker: Worker, job_id: str) -> None:
    """Let the worker's lease run out and others take its jobs back."""
    await stage.reaches(job_id, "running")
    taken = await stage.broker.crash(worker.id)
    assert taken.returned == 1


@pytest.mark.parametrize("stubborn", [False, True])
async def test_a_lost_job_is_stopped(
    stage: Stage, redis_url: str, caplog: pytest.LogCaptureFixture, stubborn: bool
) -> None:
    """A worker without a free slot finds its lease gone, stops the job and goes on working."""

    @stage.app.job()
    async def work() -> int:
        stage.log.append(current_job().delivery)
        if current_job().delivery == 1:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                stage.log.append("stopped")
                if not stubborn:
                    raise
        return current_job().delivery

    job = await work.enqueue()
    async with stage.app.worker(concurrency=1) as worker:
        await lose(stage, worker, job.id)
        [row] = await stage.ended(job.id)
    assert stage.log == [1, "stopped", 2]
    assert (row.delivery, row.result) == (2, b"2")
    assert await stage.outcomes(job.id) == ["lost", "succeeded"]
    each_once(await stage.rows())
    assert caplog.messages.count("lease lost") == 1
    assert miscounted(redis_url) == []


async def test_a_late_outcome_is_dropped(
    stage: Stage, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker that does not know yet that it lost a job can't end it."""
    release = asyncio.Event()

    @stage.app.job()
    async def work() -> str:
        stage.log.append(current_job().delivery)
        await release.wait()
        return "late"

    job = await work.enqueue()
    async with stage.app.worker(concurrency=1) as worker:
        await lose(stage, worker, job.id)
        [again] = await stage.broker.fetch("other")
        release.set()
        await wait_until(lambda: "lease lost" in caplog.messages, description="a log line")
        assert await stage.outcomes(job.id) == ["lost"]
        assert await stage.broker.finish(again, worker="other") == "k"
    assert await stage.outcomes(job.id) == ["lost", "succeeded"]
    assert stage.log == [1]
    assert miscounted(redis_url) == []


async def test_a_thread_that_lost_its_job_keeps_its_slot(stage: Stage, redis_url: str) -> None:
    """What can't be stopped counts as running; what it comes to is worth nothing."""
    release = threading.Event()

    @stage.app.job()
    def work() -> str:
        stage.log.append(current_job().id)
        release.wait()
        return "late"

    first = await work.enqueue()
    async with stage.app.worker(concurrency=1) as worker:
        await lose(stage, worker, first.id)
        [again] = await stage.broker.fetch("other")
        await wait_until(lambda: not worker._pool.owned, description="the worker knows it")
        second = await work.enqueue()
        assert await stage.broker.finish(again, worker="other") == "k"
        assert (worker._pool.free, len(worker._pool.working)) == (0, 1)
        release.set()
        await stage.ended(second.id)
    assert stage.log == [first.id, second.id]
    assert await stage.outcomes(first.id) == ["lost", "succeeded"]
    assert miscounted(redis_url) == []


def test_a_heart_stops_with_its_loop(redis_url: str) -> None:
    """When the loop of a worker is gone nobody renews its leases, whatever the process does."""

    async def start() -> Heartbeat:
        server, calls = Server(redis_url), Calls(Keys("jobqueue"))
        heart = Heartbeat(server, calls, "w1", SHORT, Pool(1), dict, lambda _queue: None)
        heart.start()
        return heart

    thread = asyncio.run(start())._thread
    thread.join(10)
    assert not thread.is_alive()


async def test_a_blocked_loop_keeps_what_it_has_not_read(
    stage: Stage, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis hands out a job, and nobody can read that for two leases: it is not taken over."""
    renewed = list[bool]()

    def expiry() -> float:
        return float(beside.command("ZSCORE", keys.leases("default"), worker.id) or 0)

    def block() -> None:
        # It stands in front of the answer: the loop takes its callbacks before what has come.
        if not beside.command("HLEN", keys.running("default", worker.id)):
            asyncio.get_running_loop().call_soon(block)
            return
        until = expiry() + 2 * SHORT * 1000
        wait_until_sync(lambda: expiry() > until, description="renewals", deadline=4 * SHORT)
        renewed.append(True)

    def blocking(
        self: Requests, queue: str, slots: int, before: Sequence[str], **options: Any
    ) -> Call[Fetched]:
        if queue == "default" and stage.log == ["go"]:
            stage.log.append("blocked")
            asyncio.get_running_loop().call_soon(block)
        return made(self, queue, slots, before, **options)

    @stage.app.job()
    async def work() -> int:
        return current_job().delivery

    keys, made = stage.broker.keys, Requests._fetch
    monkeypatch.setattr(Requests, "_fetch", blocking)
    with closing(Server(redis_url).sync_lane()) as beside:
        async with stage.app.worker(queues=["default", "other"]) as worker:
            stage.log.append("go")
            job = await work.enqueue()
            [row] = await stage.ended(job.id)
    assert renewed
    assert (row.outcome, row.delivery) == ("succeeded", 1)
    assert [each.outcome for each in await stage.rows(job.id)] == ["succeeded"]
