"""Resources that a worker opens before its first job and closes after its last."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from jobqueue import CurrentJob, JobEvent, NoCurrentJob, current_job
from tests.support.stage import Stage
from tests.support.waiting import wait_until


@dataclass
class Pool:
    """Stands for connections."""

    open: bool = True


async def test_around_every_job(stage: Stage) -> None:
    """Opened before the first handler starts; closed when the last one and its hooks have ended."""

    @stage.app.lifespan
    async def resources() -> AsyncIterator[Pool]:
        stage.log.append("open")
        pool = Pool()
        yield pool
        pool.open = False
        stage.log.append("closed")

    release = asyncio.Event()

    @stage.app.job()
    async def work() -> bool:
        stage.log.append("began")
        await release.wait()
        return resources.state.open and current_job().state is resources.state

    @stage.app.on("success")
    async def ended(_event: JobEvent) -> None:
        await asyncio.sleep(0)
        stage.log.append(f"hook, open: {resources.state.open}")

    job = await work.enqueue()
    async with stage.app.worker() as worker:
        await stage.logged(2)
        worker.stop()
        release.set()
        await worker.wait()
    assert await job.result(timeout=30) is True
    assert stage.log == ["open", "began", "hook, open: True", "closed"]


async def test_from_a_thread_and_a_middleware(stage: Stage) -> None:
    """Plain handlers and middleware reach them as well."""

    @stage.app.lifespan
    async def resources() -> AsyncIterator[dict[str, int]]:
        yield {"number": 7}

    @stage.app.middleware
    async def looking(job: CurrentJob, call_next: Callable[[], Awaitable[Any]]) -> Any:
        stage.log.append(job.state["number"])
        return await call_next()

    @stage.app.job()
    def work() -> int:
        return int(current_job().state["number"]) + resources.state["number"]

    job = await work.enqueue()
    async with stage.app.worker():
        assert await job.result(timeout=30) == 14
    assert stage.log == [7]


async def test_outside_of_a_worker(stage: Stage) -> None:
    """Where no worker has them open, asking is an error; so is asking an app that has none."""

    @stage.app.lifespan
    async def resources() -> AsyncIterator[None]:
        yield None

    with pytest.raises(NoCurrentJob):
        _ = resources.state
    async with stage.app.worker():
        await wait_until(lambda: resources._states, description="they are open")
        resources.state  # noqa: B018 - None is a state like any other
    with pytest.raises(NoCurrentJob):
        _ = resources.state


async def test_none_declared(stage: Stage) -> None:
    """A handler of an app without resources that asks for them fails, and says so."""

    @stage.app.job(retry=0)
    async def work() -> None:
        _ = current_job().state

    job = await work.enqueue()
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    assert row.error_type == "jobqueue.NoCurrentJob"


async def test_two_workers(stage: Stage) -> None:
    """Each worker has its own; the end of one leaves those of the other alone."""
    opened: list[Pool] = []

    @stage.app.lifespan
    async def resources() -> AsyncIterator[Pool]:
        pool = Pool()
        opened.append(pool)
        yield pool
        pool.open = False

    @stage.app.job()
    async def work() -> bool:
        return bool(current_job().state.open and resources.state.open)

    async with stage.app.worker():
        async with stage.app.worker() as other:
            await wait_until(lambda: len(opened) == 2, description="both are open")
            other.stop()
            await other.wait()
        assert sorted(pool.open for pool in opened) == [False, True]
        assert await (await work.enqueue()).result(timeout=30) is True


async def test_opening_fails(stage: Stage) -> None:
    """A worker whose resources can't be opened takes no job; who runs it gets the error."""

    @stage.app.lifespan
    async def resources() -> AsyncIterator[None]:
        if not stage.log:
            raise ConnectionError("no database")
        yield

    @stage.app.job()
    async def work() -> None:
        stage.log.append("began")

    job = await work.enqueue()
    with pytest.raises(ConnectionError, match="no database"):
        await stage.app.run_worker()
    assert stage.log == []
    assert await stage.state(job.id) == "ready"
    assert await stage.app.living("worker") == []


async def test_closing_fails(stage: Stage) -> None:
    """What the closing raises reaches who ran the worker, after every outcome was written."""

    @stage.app.lifespan
    async def resources() -> AsyncIterator[None]:
        yield
        raise ConnectionError("already gone")

    @stage.app.job()
    async def work() -> str:
        return "done"

    job = await work.enqueue()
    with pytest.raises(ConnectionError, match="already gone"):
        async with stage.app.worker():
            assert await job.result(timeout=30) == "done"
    assert await stage.outcomes(job.id) == ["succeeded"]
    assert await stage.app.living("worker") == []


async def test_no_generator_of_one(stage: Stage) -> None:
    """A generator that yields nothing, or twice, is an error of whoever runs the worker."""

    @stage.app.lifespan
    async def resources() -> AsyncIterator[int]:
        for number in range(2):
            yield number

    with pytest.raises(RuntimeError):
        async with stage.app.worker() as worker:
            worker.stop()


async def test_closed_without_a_thread_that_stays(stage: Stage) -> None:
    """A thread that never returns does not keep the resources open."""
    release = threading.Event()

    @stage.app.lifespan
    async def resources() -> AsyncIterator[None]:
        yield
        stage.log.append("closed")

    @stage.app.job()
    def work() -> None:
        stage.log.append("began")
        release.wait()

    await work.enqueue()
    async with stage.app.worker() as worker:
        await stage.logged(1)
        worker.stop(now=True)
    assert stage.log == ["began", "closed"]
    release.set()
