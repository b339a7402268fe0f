"""Middleware around attempts that end otherwise: too late, put off, given up or handed back."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from jobqueue import CurrentJob, Snooze, current_job
from tests.support import child_jobs as children
from tests.support.process_jobs import is_held
from tests.support.stage import Stage, stage_with
from tests.support.waiting import wait_until

Next = Callable[[], Awaitable[Any]]


async def test_trying_again_has_no_more_time(stage: Stage) -> None:
    """The timeout is that of the attempt: a second run has what the first one left."""

    @stage.app.middleware
    async def stubborn(_job: CurrentJob, call_next: Next) -> Any:
        while True:
            try:
                return await call_next()
            except LookupError:
                continue

    @stage.app.job(timeout=0.2, retry=0)
    async def work() -> None:
        await asyncio.sleep(0)
        raise LookupError

    job = await work.enqueue()
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    assert row.outcome == "timed_out"
    assert 150_000 <= row.finished_us - row.started_us < 10_000_000


async def test_snooze_and_timeout_pass_through(stage: Stage) -> None:
    """A middleware sees a snooze and a timeout as errors; let through, they stay what they are."""

    @stage.app.middleware
    async def looking(_job: CurrentJob, call_next: Next) -> Any:
        try:
            return await call_next()
        except BaseException as error:
            stage.log.append(type(error))
            raise

    @stage.app.job(timeout=0.05, retry=0)
    async def slow() -> None:
        await asyncio.Event().wait()

    @stage.app.job(retry=0)
    async def sleepy() -> None:
        raise Snooze(3600)

    late, tired = await slow.enqueue(), await sleepy.enqueue()
    async with stage.app.worker():
        await stage.ended(late.id)
        await stage.reaches(tired.id, "scheduled")
    assert await stage.outcomes(late.id) == ["timed_out"]
    assert await stage.outcomes(tired.id) == ["snoozed"]
    assert sorted(stage.log, key=str) == [TimeoutError, Snooze]


async def test_one_that_makes_a_success_of_a_timeout(stage: Stage) -> None:
    """A timeout is an error to a middleware like any other: it may answer in its place."""

    @stage.app.middleware
    async def forgiving(_job: CurrentJob, call_next: Next) -> Any:
        try:
            return await call_next()
        except TimeoutError:
            return "late"

    @stage.app.job(timeout=0.05, retry=0)
    async def slow() -> str:
        await asyncio.Event().wait()
        return "never"

    job = await slow.enqueue()
    async with stage.app.worker():
        assert await job.result(timeout=30) == "late"


async def given_up(call_next: Next, began: Callable[[], Any]) -> Any:
    """Run a handler and lose patience as soon as it has begun."""
    running: asyncio.Task[Any] = asyncio.create_task(call_next())  # type: ignore[arg-type]
    await wait_until(began, description="it runs")
    async with asyncio.timeout(0):
        return await running


async def test_its_own_timeout_ends_an_async_handler(stage: Stage) -> None:
    """A middleware with less patience than the job cancels an async handler."""

    @stage.app.middleware
    async def impatient(_job: CurrentJob, call_next: Next) -> Any:
        return await given_up(call_next, stage.log.__len__)

    @stage.app.job(retry=0)
    async def slow() -> None:
        stage.log.append("began")
        try:
            await asyncio.Event().wait()
        finally:
            stage.log.append("cancelled")

    job = await slow.enqueue()
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    assert (row.outcome, row.error_type) == ("failed", "TimeoutError")
    assert stage.log == ["began", "cancelled"]


async def test_its_own_timeout_waits_for_a_thread(stage: Stage) -> None:
    """A thread keeps its slot until it returns, also when a middleware has given it up."""
    hold = threading.Event()

    @stage.app.middleware
    async def impatient(_job: CurrentJob, call_next: Next) -> Any:
        before = len(stage.log)
        try:
            return await given_up(call_next, lambda: len(stage.log) > before)
        finally:
            stage.log.append("given up")

    @stage.app.job(retry=0)
    def slow() -> str:
        stage.log.append("began")
        hold.wait()
        stage.log.append("ended")
        return "late"

    jobs = await stage.app.enqueue_many(slow.prepare() for _ in range(2))
    async with stage.app.worker(concurrency=1) as worker:
        await stage.logged(1)
        asyncio.get_running_loop().call_later(0.2, hold.set)
        rows = await stage.ended(*(job.id for job in jobs))
        assert worker._pool.free == 1
    assert stage.log[:4] == ["began", "ended", "given up", "began"]
    assert (rows[0].outcome, rows[0].error_type) == ("failed", "TimeoutError")
    assert rows[0].finished_us - rows[0].started_us >= 190_000


async def test_its_own_timeout_kills_a_child(redis_url: str, tmp_path: Path) -> None:
    """A child process is killed when a middleware gives it up."""
    async with stage_with(children.app, redis_url) as stage:

        @stage.app.middleware
        async def impatient(_job: CurrentJob, call_next: Next) -> Any:
            path = tmp_path / "lock"
            return await given_up(call_next, lambda: path.exists() and is_held(path))

        job = await children.hang.enqueue(str(tmp_path / "lock"))
        async with stage.app.worker():
            [row] = await stage.ended(job.id)
        assert (row.outcome, row.error_type) == ("failed", "TimeoutError")
        assert not is_held(tmp_path / "lock")


@pytest.mark.parametrize("swallows", [True, False])
async def test_a_job_that_is_handed_back(stage: Stage, *, swallows: bool) -> None:
    """No middleware makes a success of what a stopping worker hands back."""

    @stage.app.middleware
    async def careless(_job: CurrentJob, call_next: Next) -> Any:
        try:
            return await call_next()
        except BaseException:
            if swallows:
                return "done"
            raise

    @stage.app.job(retry=0)
    async def work() -> str:
        if current_job().delivery == 2:
            return "really done"
        stage.log.append("began")
        await asyncio.Event().wait()
        return "never"

    job = await work.enqueue()
    async with stage.app.worker() as worker:
        await stage.logged(1)
        worker.stop(now=True)
        await worker.wait()
    async with stage.app.worker():
        assert await job.result(timeout=30) == "really done"
    assert await stage.outcomes(job.id) == ["released", "succeeded"]
