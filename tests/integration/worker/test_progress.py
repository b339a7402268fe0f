"""How far a running job is, as handlers say it and others see it."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from jobqueue import JobHandle, NoCurrentJob, Progress, current_job
from tests.support import child_jobs as children
from tests.support.stage import Stage, stage_with
from tests.support.waiting import wait_until


async def shown(stage: Stage, job: JobHandle[Any]) -> tuple[float, str] | None:
    """Return what people see of a job's progress."""
    [found] = await stage.app.find(job.id)
    return None if found.progress is None else (found.progress.fraction, found.progress.message)


async def shows(stage: Stage, job: JobHandle[Any], fraction: float, message: str = "") -> None:
    """Wait until people see this progress."""

    async def seen() -> bool:
        return await shown(stage, job) == (fraction, message)

    await wait_until(seen, description=f"progress {fraction} {message}")


@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_the_last_report_counts(stage: Stage, kind: str) -> None:
    """Of a burst the last one is seen, by people and by who waits, with the time of Redis."""
    hold, released = threading.Event(), asyncio.Event()

    def burst() -> None:
        for step in range(1, 1001):
            current_job().progress(step / 1000, f"step {step}")

    async def on_loop() -> str:
        burst()
        await released.wait()
        return "done"

    def in_thread() -> str:
        burst()
        hold.wait()
        return "done"

    work = stage.app.job(name="work")(on_loop if kind == "async" else in_thread)
    job = await work.enqueue()
    heard: list[Progress] = []
    async with stage.app.worker():
        waiting = asyncio.create_task(job.result(timeout=15, on_progress=heard.append))
        await shows(stage, job, 1.0, "step 1000")
        before = await stage.broker.now_ms()
        await wait_until(lambda: bool(heard), description="the waiter hears of it")
        hold.set()
        released.set()
        assert await waiting == "done"
    assert (heard[-1].fraction, heard[-1].message) == (1.0, "step 1000")
    assert 0 <= before - heard[-1].at_ms < 10_000
    assert len(heard) <= 4


async def known(stage: Stage, job: JobHandle[Any]) -> bool:
    """Say whether Redis knows that a loop and a thread wait for a job."""
    return len((await stage.broker.state(job.id)).get("waiters", "").split()) == 2


async def test_every_waiter_hears(stage: Stage) -> None:
    """Waiters on the loop and in threads hear each report; one that fails harms nobody."""
    first = asyncio.Event()
    release = asyncio.Event()

    @stage.app.job()
    async def work() -> str:
        await first.wait()
        current_job().progress(0.5, "half")
        await release.wait()
        return "done"

    job = await work.enqueue()
    heard: list[Progress] = []
    in_thread: list[Progress] = []

    def broken(_progress: Progress) -> None:
        raise LookupError("mine")

    async with stage.app.worker():
        waiting = [
            asyncio.create_task(job.result(timeout=15, on_progress=heard.append)),
            asyncio.create_task(job.result(timeout=15, on_progress=broken)),
            asyncio.create_task(
                asyncio.to_thread(job.result_sync, 15, on_progress=in_thread.append)
            ),
        ]
        await wait_until(lambda: known(stage, job), description="Redis knows both clients")
        first.set()
        await wait_until(lambda: heard and in_thread, description="both have heard")
        release.set()
        assert await asyncio.gather(*waiting) == ["done"] * 3
    assert [each.message for each in (heard[-1], in_thread[-1])] == ["half", "half"]


async def test_of_a_child(redis_url: str, tmp_path: Path) -> None:
    """A child's burst arrives too, its last report included, while the handler still works."""
    async with stage_with(children.app, redis_url) as stage:
        job = await children.report.enqueue(str(tmp_path / "go"))
        heard: list[Progress] = []
        async with stage.app.worker():
            waiting = asyncio.create_task(job.result(timeout=30, on_progress=heard.append))
            await shows(stage, job, 0.5, "step 5")
            (tmp_path / "go").touch()
            assert await waiting == "done"
        assert heard[-1].message == "step 5"


async def test_of_a_child_is_of_its_own_job(redis_url: str, tmp_path: Path) -> None:
    """A thread that a job leaves behind in its child says nothing of the next job."""
    async with stage_with(children.app, redis_url) as stage:
        async with stage.app.worker(concurrency=1):
            first = await children.leave_reporter.enqueue(str(tmp_path / "go"))
            assert await first.result(timeout=30) == first.id
            second = await children.outlive.enqueue(str(tmp_path / "go"))
            heard: list[Progress] = []
            await second.result(timeout=30, on_progress=heard.append)
        assert {each.message for each in heard} <= {"mine"}
        assert await shown(stage, second) in (None, (0.5, "mine"))


async def test_it_begins_anew(stage: Stage) -> None:
    """The next attempt has not come as far as the last one."""
    hold = asyncio.Event()

    @stage.app.job(retry=1)
    async def work() -> None:
        if current_job().attempt == 1:
            current_job().progress(0.9, "nearly")
            await hold.wait()
            raise LookupError("no")
        stage.log.append("again")
        await asyncio.Event().wait()

    job = await work.options(retry=1).enqueue()
    async with stage.app.worker(), stage.app.scheduler():
        await shows(stage, job, 0.9, "nearly")
        hold.set()
        await stage.logged(1)
        assert await shown(stage, job) is None
        await job.cancel()
        await stage.ended(job.id)


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan"), float("inf")])
async def test_no_fraction(stage: Stage, fraction: float) -> None:
    """What is no fraction is refused, in the handler that says it."""

    @stage.app.job(retry=0)
    async def work() -> None:
        current_job().progress(fraction)

    job = await work.enqueue()
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    assert row.error_type == "ValueError"
    assert "write a fraction from 0 to 1" in (row.error_message or "")


async def test_any_message(stage: Stage) -> None:
    """A message is cut to 500 bytes, and what PostgreSQL can't hold is shown as an escape."""
    release = asyncio.Event()

    @stage.app.job()
    async def work(message: str) -> None:
        current_job().progress(0.5, message + chr(0) + chr(0xD800))
        await release.wait()

    job = await work.enqueue("ü" * 1000)
    async with stage.app.worker():

        async def seen() -> str | None:
            found = await shown(stage, job)
            return found and found[1]

        text = await wait_until(seen, description="the message") or ""
        release.set()
    assert len(text.encode()) <= 500
    assert text.startswith("ü")
    assert text.endswith("\\x00\\ud800")


async def test_outside_of_a_worker() -> None:
    """Where no worker runs the code there is nobody to tell."""
    with pytest.raises(NoCurrentJob):
        current_job().progress(0.5)


async def test_shutting_down(stage: Stage) -> None:
    """A handler hears that its worker begins to stop, and may end by itself within the grace."""

    @stage.app.job()
    async def on_loop() -> str:
        stage.log.append("began")
        await current_job().shutting_down
        return "loop"

    @stage.app.job()
    def in_thread() -> str:
        stage.log.append("began")
        assert not current_job().shutting_down.is_set()
        return "thread" if current_job().shutting_down.wait(10) else "deaf"

    jobs = [await on_loop.enqueue(), await in_thread.enqueue()]
    async with stage.app.worker() as worker:
        await stage.logged(2)
        worker.stop()
        await worker.wait()
    assert [await job.result(timeout=30) for job in jobs] == ["loop", "thread"]


@pytest.mark.parametrize("born", ["before", "after"])
async def test_a_child_hears_of_it(redis_url: str, tmp_path: Path, born: str) -> None:
    """So does a child, also one that was only being made when the worker began to stop."""
    async with stage_with(children.app, redis_url, grace=30.0) as stage:
        path = tmp_path / "lock"
        job = await children.wait_for_the_end.enqueue(str(path))
        async with stage.app.worker() as worker:
            if born == "before":
                await wait_until(path.exists, description="it runs")
            else:
                await wait_until(lambda: bool(worker._pool.working), description="it is taken")
            worker.stop()
            await worker.wait()
        assert await job.result(timeout=30) == "heard"
