"""A worker that stops: nothing is lost, nothing waits, nothing costs an attempt."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from jobqueue import current_job
from tests.support.keyspace import miscounted
from tests.support.stage import Stage, each_once, stage_on
from tests.support.waiting import wait_until


async def test_running_jobs_finish(stage: Stage) -> None:
    """Within the grace running jobs end as always; what waits stays where it is."""
    release, thread_release = asyncio.Event(), threading.Event()

    @stage.app.job()
    async def on_loop() -> str:
        stage.log.append("started")
        await release.wait()
        return "loop"

    @stage.app.job()
    def in_thread() -> str:
        stage.log.append("started")
        thread_release.wait()
        return "thread"

    running = [await on_loop.enqueue(), await in_thread.enqueue()]
    async with stage.app.worker(concurrency=2) as worker:
        await stage.logged(2)
        left = await on_loop.enqueue()
        worker.stop()
        release.set()
        thread_release.set()
        await worker.wait()
    rows = await stage.rows()
    assert sorted(row.job_id for row in rows) == sorted(job.id for job in running)
    assert {row.outcome for row in rows} == {"succeeded"}
    assert await stage.state(left.id) == "ready"


async def test_unfinished_jobs_go_back_in_front(redis_url: str) -> None:
    """What the grace does not suffice for runs elsewhere at once, and keeps its attempt."""
    async with stage_on(redis_url, grace=0.05) as stage:

        @stage.app.job(retry=0)
        async def work(number: int) -> None:
            stage.log.append((number, current_job().attempt, current_job().delivery))
            if current_job().delivery == 1 and number < 2:
                await asyncio.Event().wait()

        jobs = await stage.app.enqueue_many(work.prepare(number) for number in range(4))
        async with stage.app.worker(concurrency=2):
            await stage.logged(2)
        for job in jobs[:2]:
            assert await stage.outcomes(job.id) == ["released"]
            assert "crashes" not in await stage.broker.state(job.id)
        async with stage.app.worker(concurrency=1):
            rows = await stage.ended(*(job.id for job in jobs))
        each_once(await stage.rows())
    assert stage.log[2:] == [(0, 1, 2), (1, 1, 2), (2, 1, 1), (3, 1, 1)]
    assert {(row.outcome, row.attempt) for row in rows} == {("succeeded", 1)}
    assert miscounted(redis_url) == []


async def test_a_job_that_had_not_started_leaves_no_row(redis_url: str) -> None:
    """A job that only waited for a thread goes back without a trace in the history."""
    release = threading.Event()
    async with stage_on(redis_url, grace=0.05, threads=1) as stage:

        @stage.app.job()
        async def other() -> None:
            """Without it the worker would take no more jobs than it has threads."""

        @stage.app.job()
        def work() -> None:
            stage.log.append(current_job().delivery)
            release.wait()

        jobs = await stage.app.enqueue_many(work.prepare() for _ in range(3))
        async with stage.app.worker(concurrency=3) as worker:
            await wait_until(lambda: worker._pool.free == 0, description="three taken")
        assert [row.outcome for row in await stage.rows()] == ["released"]
        assert await stage.broker.length("again:2") == 3
        # The thread that is left behind takes none of the jobs that were handed back.
        release.set()
        await wait_until(lambda: not serving(), description="the end of the thread")
        assert stage.log == [1]
        async with stage.app.worker():
            rows = await stage.ended(*(job.id for job in jobs))
    assert [row.delivery for row in rows] == [2, 2, 2]
    assert miscounted(redis_url) == []


def serving() -> list[str]:
    """Return the names of the threads that run plain functions."""
    names = [each.name.removeprefix("jobqueue-") for each in threading.enumerate()]
    return [name for name in names if name.isdigit()]


async def test_a_thread_that_never_returns(redis_url: str) -> None:
    """It holds nobody up: its job runs elsewhere, and its late return changes nothing."""
    release = threading.Event()
    async with stage_on(redis_url, grace=0.05) as stage:

        @stage.app.job()
        def work() -> int:
            stage.log.append("started")
            if current_job().delivery == 1:
                release.wait()
            return current_job().delivery

        job = await work.enqueue()
        async with stage.app.worker():
            await stage.logged(1)
        async with stage.app.worker():
            [row] = await stage.ended(job.id)
            release.set()
            await wait_until(lambda: len(serving()) <= 1, description="the end of the thread")
        assert row.result == b"2"
        assert await stage.outcomes(job.id) == ["released", "succeeded"]


async def test_what_does_not_end_goes_back_last(redis_url: str) -> None:
    """As long as anything of the worker is open, nobody else gets what still runs in a thread."""
    release, closing, closed = threading.Event(), asyncio.Event(), asyncio.Event()
    async with stage_on(redis_url, grace=0.0, lease=2.0) as stage:

        @stage.app.lifespan
        async def resources() -> AsyncIterator[None]:
            yield
            closing.set()
            await closed.wait()

        @stage.app.job()
        def work() -> None:
            stage.log.append("started")
            release.wait()

        job = await work.options(lock="one").enqueue()
        async with stage.app.worker() as worker:
            await stage.logged(1)
            worker.stop()
            await closing.wait()
            try:
                await renewed(stage, worker.id)
                assert await stage.state(job.id) == "running"
            finally:
                closed.set()
            await worker.wait()
            assert worker.left == [job.id]
        release.set()
        assert await stage.outcomes(job.id) == ["released"]


async def renewed(stage: Stage, worker: str) -> None:
    """Wait until a worker has renewed its lease."""
    before = await stage.broker.lease(worker)
    assert before is not None

    async def later() -> bool:
        return (await stage.broker.lease(worker) or 0) > before

    await wait_until(later, description="the lease is renewed")


async def test_failing_when_told_to_stop_is_no_failure(redis_url: str) -> None:
    """A handler that turns its cancellation into another error has not failed."""
    async with stage_on(redis_url, grace=0.0) as stage:

        @stage.app.job(retry=0)
        async def work() -> None:
            stage.log.append("started")
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise ConnectionError("closed") from None

        job = await work.enqueue()
        async with stage.app.worker():
            await stage.logged(1)
        assert await stage.outcomes(job.id) == ["released"]


async def test_a_handler_may_still_finish_while_it_cleans_up(redis_url: str) -> None:
    """One that swallows its cancellation and returns in time has succeeded."""
    async with stage_on(redis_url, grace=0.0) as stage:

        @stage.app.job()
        async def work() -> str:
            stage.log.append("started")
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return "in time"
            return "never"

        job = await work.enqueue()
        async with stage.app.worker():
            await stage.logged(1)
        [row] = await stage.rows(job.id)
    assert (row.outcome, row.result) == ("succeeded", b'"in time"')


async def test_a_handler_that_ignores_its_end(redis_url: str) -> None:
    """Its job is handed back once, also when it ends while that is being written."""
    ended = asyncio.Event()
    async with stage_on(redis_url, grace=0.0) as stage:

        @stage.app.job()
        async def quick() -> None:
            stage.log.append("quick")
            await ended.wait()

        @stage.app.job()
        async def deaf() -> None:
            stage.log.append("deaf")
            while not ended.is_set():
                try:
                    await ended.wait()
                except asyncio.CancelledError:
                    stage.log.append("told")

        jobs = [await deaf.enqueue(), await quick.enqueue()]
        async with stage.app.worker() as worker:
            await stage.logged(2)
            # The settler is busy with another outcome until both have been written.
            await stage.broker.redis("CLIENT", "PAUSE", 2000, "ALL")
            worker.stop(now=True)
            await stage.logged(3)
            try:
                await wait_until(lambda: worker.left, description="it is left behind")
            finally:
                ended.set()
            await worker.wait()
        rows = await stage.rows()
        assert {job.id: await stage.outcomes(job.id) for job in jobs} == {
            jobs[0].id: ["released"],
            jobs[1].id: ["released"],
        }
        each_once(rows)
        assert await stage.broker.length("again:2") == 2
        assert miscounted(redis_url) == []


@pytest.mark.parametrize("how", ["now", "twice"])
async def test_a_second_word_ends_the_grace(redis_url: str, how: str) -> None:
    """Told at once, or twice, the worker hands everything back without a grace."""
    async with stage_on(redis_url, grace=600.0) as stage:

        @stage.app.job()
        async def work() -> None:
            stage.log.append("started")
            await asyncio.Event().wait()

        job = await work.enqueue()
        async with stage.app.worker() as worker:
            await stage.logged(1)
            worker.stop(now=how == "now")
            worker.stop()
            await wait_until(worker._stopped.is_set, description="the worker stopped")
        assert await stage.outcomes(job.id) == ["released"]
