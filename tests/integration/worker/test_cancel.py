"""Cancelling: each state has one outcome, whatever happens at the same moment."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from jobqueue import (
    JobConflict,
    JobNotFound,
    Limit,
    Retry,
    Snooze,
    State,
    current_job,
)
from jobqueue.worker.listener import cancel
from tests.support import child_jobs as children
from tests.support.cancelling import declare, is_cancelled
from tests.support.process_jobs import holding, is_held
from tests.support.stage import Stage, stage_on, stage_with
from tests.support.waiting import wait_until


async def is_blocked(stage: Stage, job_id: str) -> bool:
    """Say whether a job waits for a lock or a limit."""
    return (await stage.app.find(job_id))[0].state is State.BLOCKED


@pytest.mark.parametrize("state", ["ready", "scheduled", "blocked by a lock", "blocked by a limit"])
async def test_what_waits_never_runs(stage: Stage, state: str) -> None:
    """A job that waits ends at once, with a row that has no run; no worker starts it."""
    work = declare(stage)
    hold = asyncio.Event()

    @stage.app.job(limit=Limit(1))
    async def other() -> None:
        stage.log.append("other")
        await hold.wait()

    before = State(state.partition(" ")[0])
    if state == "scheduled":
        job = await work.options(delay=60).enqueue()
    elif state == "blocked by a lock":
        await other.options(lock="k").enqueue()
        job = await work.options(lock="k").enqueue()
        assert job.status == "blocked"
    elif state == "blocked by a limit":
        await other.enqueue()
        job = await other.enqueue()
    else:
        job = await work.enqueue()
    async with stage.app.worker() if "limit" in state else stage.app.scheduler():
        if "limit" in state:
            await stage.logged(1)
            await wait_until(lambda: is_blocked(stage, job.id), description="it stands aside")
        assert await stage.app.cancel(job.id, reason="changed my mind") is before
    hold.set()
    await is_cancelled(stage, job, "changed my mind")
    [row] = await stage.rows(job.id)
    assert (row.attempt, row.started_us, row.worker) == (0, 0, "")
    async with stage.app.worker(), stage.app.scheduler():
        last = await work.enqueue()
        await stage.ended(last.id)
    assert stage.log.count("began") == 1


@pytest.mark.parametrize("state", ["retrying", "scheduled"])
async def test_what_waits_for_another_attempt(stage: Stage, state: str) -> None:
    """A job between two attempts, or asleep, does not run again."""

    @stage.app.job(retry=Retry(5, base=60))
    async def work() -> None:
        raise Snooze(60) if state == "scheduled" else LookupError("no")

    job = await work.enqueue()
    async with stage.app.worker():
        await stage.reaches(job.id, state)
        assert await job.cancel("enough") == state
    await is_cancelled(stage, job, "enough")


@pytest.mark.parametrize("lingers", [False, True])
async def test_an_async_handler(stage: Stage, *, lingers: bool) -> None:
    """It is cancelled, and may take its time to clean up; it ran, and its row says why it ended."""

    @stage.app.job(retry=5)
    async def work() -> None:
        stage.log.append("began")
        try:
            await asyncio.Event().wait()
        finally:
            if lingers:
                await asyncio.to_thread(lambda: None)
            assert current_job().cancelled
            stage.log.append("cleaned up")

    job = await work.enqueue()
    async with stage.app.worker() as worker:
        await stage.logged(1)
        assert await stage.app.cancel(job.id, reason="too slow") is State.RUNNING
        await is_cancelled(stage, job, "too slow")
        await wait_until(lambda: not worker._pool.owned, description="nothing is held")
    [row] = await stage.rows(job.id)
    assert (row.attempt, row.started_us > 0) == (1, True)
    assert stage.log == ["began", "cleaned up"]


async def test_an_async_handler_that_ignores_it(stage: Stage) -> None:
    """One that was interrupted is cancelled, however it ends."""
    go_on = asyncio.Event()

    @stage.app.job(retry=5)
    async def work() -> str:
        stage.log.append("began")
        for _ in range(2):
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                stage.log.append("ignored")
                go_on.set()
        return "done"

    job = await work.enqueue()
    async with stage.app.worker():
        await stage.logged(1)
        assert await job.cancel("stop") is State.RUNNING
        await is_cancelled(stage, job, "stop")
    assert stage.log == ["began", "ignored"]


async def test_an_async_handler_that_ends_before_it_hears(stage: Stage) -> None:
    """One that ends by itself before it is interrupted keeps its result: the work was done."""
    go_on = asyncio.Event()

    @stage.app.job(retry=5)
    async def work() -> str:
        stage.log.append("began")
        await go_on.wait()
        return "done"

    job = await work.enqueue()
    async with stage.app.worker() as worker:
        await stage.logged(1)
        [held] = worker._pool.working.values()
        go_on.set()  # it goes on in the loop's next turn, in which the interruption comes too
        cancel(held)
        assert await job.result(timeout=30) == "done"


@pytest.mark.parametrize("answers", ["returns", "raises"])
async def test_a_thread_that_looks(stage: Stage, answers: str) -> None:
    """A thread that has seen that it is cancelled ends as cancelled, however it ends."""

    @stage.app.job(retry=5)
    def work() -> str:
        stage.log.append("began")
        while not current_job().cancelled:
            threading.Event().wait(0.01)
        if answers == "raises":
            raise LookupError("stopped")
        return "half done"

    job = await work.enqueue()
    async with stage.app.worker():
        await stage.logged(1)
        assert await job.cancel("stop") is State.RUNNING
        await is_cancelled(stage, job, "stop")


@pytest.mark.parametrize("fails", [False, True])
async def test_a_thread_that_does_not_look(stage: Stage, *, fails: bool) -> None:
    """It keeps its slot until it returns; a result counts, a failure is not tried again."""
    hold = threading.Event()

    @stage.app.job(retry=5)
    def work() -> str:
        stage.log.append("began")
        hold.wait()
        if fails:
            raise LookupError("by itself")
        return "done"

    job = await work.enqueue()
    async with stage.app.worker(concurrency=1) as worker:
        await stage.logged(1)
        assert await job.cancel() is State.RUNNING
        await wait_until(lambda: told(worker), description="the worker has heard of it")
        assert worker._pool.free == 0
        hold.set()
        if fails:
            await is_cancelled(stage, job)
        else:
            assert await job.result(timeout=30) == "done"


def told(worker: Any) -> bool:
    """Say whether a worker has heard that all it works on is cancelled."""
    return all(held.cancelling for held in worker._pool.working.values())


async def test_a_job_that_waits_for_a_thread(redis_url: str) -> None:
    """A job that has a slot but no thread yet never starts."""
    async with stage_on(redis_url, threads=1) as stage:
        hold = threading.Event()

        @stage.app.job()
        def work(name: str) -> None:
            stage.log.append(name)
            hold.wait()

        @stage.app.job()
        async def other() -> None:
            """Without it the worker would take no more jobs than it has threads."""

        await work.enqueue("first")
        async with stage.app.worker() as worker:
            await stage.logged(1)
            job = await work.enqueue("second")
            await wait_until(lambda: len(worker._pool.working) == 2, description="it waits")
            await job.cancel("not now")
            await is_cancelled(stage, job, "not now")
            hold.set()
            await stage.ended((await work.enqueue("third")).id)
        [row] = await stage.rows(job.id)
        assert (row.attempt, row.started_us) == (0, 0)
        assert stage.log == ["first", "third"]


async def test_a_child(redis_url: str, tmp_path: Path) -> None:
    """A child process is killed, and its slot is free when it is gone."""
    async with stage_with(children.app, redis_url) as stage:
        path = tmp_path / "lock"
        job = await children.hang.enqueue(str(path))
        async with stage.app.worker(concurrency=1):
            await wait_until(lambda: holding(path), description="it runs")
            assert await job.cancel("kill it") is State.RUNNING
            await is_cancelled(stage, job, "kill it")
            assert not is_held(path)
            assert await (await children.alive.enqueue()).result(timeout=30) == "alive"


async def test_what_has_ended(stage: Stage) -> None:
    """A job that has ended can't be cancelled; a second one too."""
    work = declare(stage)

    @stage.app.job(retry=0)
    async def fail() -> None:
        raise LookupError("no")

    async with stage.app.worker():
        done, dead = await work.enqueue(), await fail.enqueue()
        await stage.ended(done.id, dead.id)
        for job, state in ((done, "succeeded"), (dead, "dead")):
            with pytest.raises(JobConflict, match=state):
                await stage.app.cancel(job.id)
            with pytest.raises(JobConflict, match=state):
                await job.cancel()
    waiting = await work.options(delay=60).enqueue()
    assert await waiting.cancel() is State.SCHEDULED
    for again in (waiting.cancel(), stage.app.cancel(waiting.id)):
        with pytest.raises(JobConflict, match="cancelled"):
            await again
    assert len(await stage.rows(waiting.id)) == 1
    with pytest.raises(JobNotFound):
        await stage.app.cancel("nothing")


async def test_both_forms(stage: Stage) -> None:
    """Programs without an event loop cancel through the app and through the handle."""
    work = declare(stage)
    jobs = [await work.options(delay=60).enqueue() for _ in range(2)]
    assert await asyncio.to_thread(stage.app.cancel_sync, jobs[0].id, reason="a") == "scheduled"
    assert await asyncio.to_thread(jobs[1].cancel_sync, "b") == "scheduled"
    rows = await stage.ended(*(job.id for job in jobs))
    assert [row.error_message for row in rows] == ["a", "b"]
