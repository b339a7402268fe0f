"""What becomes of an attempt that runs longer than it may."""

import asyncio
import threading

import pytest

from jobqueue import current_job
from tests.support.stage import Stage, stage_on


async def test_an_async_handler_is_told(stage: Stage) -> None:
    """At its timeout a handler is cancelled; the attempt counts and the job is tried again."""

    @stage.app.job(timeout=0.05, retry=1)
    async def slow() -> str:
        if current_job().attempt == 2:
            return "done"
        await asyncio.Event().wait()
        return "never"

    job = await slow.enqueue()
    async with stage.app.worker(), stage.app.scheduler():
        assert await job.result(timeout=30) == "done"
    first, second = await stage.rows(job.id)
    assert (first.outcome, first.attempt, first.final) == ("timed_out", 1, False)
    assert (first.error_type, first.error_message) == (
        "TimeoutError",
        "ran longer than its timeout of 0.05 s",
    )
    assert "asyncio.Event().wait()" in (first.traceback or "")
    assert (second.outcome, second.attempt, second.final) == ("succeeded", 2, True)


@pytest.mark.parametrize("answer", ["returns", "raises", "goes on"])
async def test_a_swallowed_cancellation_changes_nothing(stage: Stage, answer: str) -> None:
    """A handler that swallows its cancellation was too late all the same."""

    @stage.app.job(timeout=0.05, retry=0)
    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if answer == "raises":
                raise LookupError("lost") from None
            if answer == "goes on":
                await asyncio.sleep(0)
        return "late"

    job = await stubborn.enqueue()
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    assert (row.outcome, row.reason, row.result) == ("timed_out", "retries_exhausted", None)
    assert ("LookupError: lost" in (row.traceback or "")) == (answer == "raises")


async def test_a_timeout_of_the_handlers_own_is_a_failure(stage: Stage) -> None:
    """``TimeoutError`` raised by a handler is an error like any other."""

    @stage.app.job(timeout=60, retry=0)
    async def impatient() -> None:
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()

    job = await impatient.enqueue()
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    assert (row.outcome, row.error_type) == ("failed", "TimeoutError")


async def test_a_thread_is_settled_when_it_returns(stage: Stage) -> None:
    """A thread that returns after its timeout timed out, whatever it returned or raised."""
    hold = threading.Event()

    @stage.app.job(timeout=0.05, retry=0)
    def late(error: bool) -> str:
        stage.log.append("started")
        hold.wait()
        if error:
            raise LookupError("lost")
        return "late"

    jobs = [await late.enqueue(False), await late.enqueue(True)]
    async with stage.app.worker():
        await stage.logged(2)
        loop = asyncio.get_running_loop()
        loop.call_later(0.1, hold.set)
        rows = await stage.ended(*(job.id for job in jobs))
    assert [row.outcome for row in rows] == ["timed_out", "timed_out"]
    assert all(row.finished_us - row.started_us >= 90_000 for row in rows)
    assert [row.result for row in rows] == [None, None]


async def test_the_nearest_timeout_wins(redis_url: str) -> None:
    """A job's own timeout goes before its handler's, and that before the setting's."""
    async with stage_on(redis_url, default_timeout=0.03) as stage:

        @stage.app.job(timeout=0.02, retry=0)
        async def bounded() -> None:
            await asyncio.Event().wait()

        @stage.app.job(retry=0)
        async def unbounded() -> None:
            await asyncio.Event().wait()

        jobs = [
            await bounded.options(timeout=0.01).enqueue(),
            await bounded.enqueue(),
            await unbounded.enqueue(),
        ]
        async with stage.app.worker():
            rows = {row.job_id: row for row in await stage.ended(*(job.id for job in jobs))}
    bounds = ["0.01 s", "0.02 s", "0.03 s"]
    for job, bound in zip(jobs, bounds, strict=True):
        assert (rows[job.id].error_message or "").endswith(f"its timeout of {bound}")
