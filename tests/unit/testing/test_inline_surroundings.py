"""What is around a job that runs inline: threads, context, middleware, resources."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from jobqueue import (
    CurrentJob,
    JobConflict,
    JobQueue,
    NoCurrentJob,
    ResultGone,
    current_job,
    testing,
)
from jobqueue.client.handle import Wanted
from jobqueue.settings import Settings


def test_a_plain_function_runs_in_the_calling_thread(app: JobQueue, log: list[Any]) -> None:
    """It sees the thread and the context of its caller, also one job further."""
    setting: ContextVar[str] = ContextVar("setting")
    setting.set("mine")

    @app.job()
    def outer() -> None:
        log.append((threading.get_ident(), setting.get(), current_job().name))
        inner.enqueue_sync()
        log.append(current_job().name)

    @app.job()
    def inner() -> None:
        log.append((threading.get_ident(), setting.get(), current_job().name))

    outer.enqueue_sync()
    here = threading.get_ident()
    assert log == [(here, "mine", "outer"), (here, "mine", "inner"), "outer"]


async def test_plain_and_async_handlers_enqueue_each_other(app: JobQueue, log: list[Any]) -> None:
    """A plain function in a thread may block there, as on a worker."""

    @app.job()
    async def outer() -> None:
        await middle.enqueue()
        log.append(current_job().name)

    @app.job()
    def middle() -> None:
        inner.enqueue_sync()
        log.append(current_job().name)

    @app.job()
    async def inner() -> None:
        log.append(current_job().name)

    await outer.enqueue()
    assert log == ["inner", "middle", "outer"]
    with pytest.raises(NoCurrentJob):
        current_job()
    with pytest.raises(RuntimeError, match="await enqueue"):
        inner.enqueue_sync()


async def test_many(app: JobQueue) -> None:
    """``enqueue_many`` runs them in their order."""

    @app.job()
    async def double(n: int) -> int:
        return 2 * n

    jobs = await app.enqueue_many(double.prepare(n) for n in range(3))
    assert [await job.result() for job in jobs] == [0, 2, 4]


def test_many_sync(app: JobQueue) -> None:
    """So does its blocking form."""

    @app.job()
    def double(n: int) -> int:
        return 2 * n

    jobs = app.enqueue_many_sync(double.prepare(n) for n in range(3))
    assert [job.result_sync() for job in jobs] == [0, 2, 4]


async def test_middleware_and_hooks(app: JobQueue, log: list[Any]) -> None:
    """What stands around a run is there, in its order."""

    @app.middleware
    async def around(job: CurrentJob, call_next: Callable[[], Awaitable[Any]]) -> Any:
        log.append(f"in {job.name}")
        result = await call_next()
        log.append("out")
        return result

    @app.on("start")
    async def started(event: Any) -> None:
        log.append(event.name)

    @app.on("success")
    def ended(event: Any) -> None:
        log.append((event.name, event.job.name))

    @app.job()
    async def nothing() -> None:
        current_job().progress(0.5)
        log.append("run")

    await nothing.enqueue()
    assert log.count("start") == 1
    log.remove("start")  # an async hook runs beside the job
    assert log == ["in nothing", "run", "out", ("success", "nothing")]


async def test_resources(app: JobQueue, log: list[Any]) -> None:
    """The lifespan is open around each job; jobs at once take turns, nested ones share it."""

    @app.lifespan
    async def resources() -> AsyncIterator[int]:
        log.append("open")
        yield len(log)
        log.append("close")

    @app.job()
    async def use(*, more: bool) -> int:
        await asyncio.sleep(0)
        if more:
            await use.enqueue(more=False)
        return resources.state + int(current_job().state)

    jobs = await asyncio.gather(*(use.enqueue(more=True) for _ in range(2)))
    assert [await job.result() for job in jobs] == [2, 6]
    assert log == ["open", "close"] * 2


def test_a_process_handler_runs_here(app: JobQueue, tmp_path: Path) -> None:
    """No child is started; the function need not be importable by one."""
    place = tmp_path / "pid"
    app.job(process=True)(write_pid).enqueue_sync(str(place))
    import os

    assert place.read_text() == str(os.getpid())


def write_pid(place: str) -> None:
    """Say which process runs this."""
    import os

    Path(place).write_text(str(os.getpid()))


def test_it_has_ended(app: JobQueue) -> None:
    """Nobody can cancel it any more."""

    @app.job()
    def nothing() -> None: ...

    job = nothing.enqueue_sync()
    with pytest.raises(JobConflict):
        job.cancel_sync()


async def test_the_app_is_as_before() -> None:
    """After the block the app is what it was, and the handle keeps its result."""
    app = JobQueue(settings=Settings())

    @app.job()
    async def nothing() -> int:
        return 1

    with testing.inline(app):
        inside, job = app.client, await nothing.enqueue()
        with testing.inline(app):
            assert app.client is not inside
            with pytest.raises(ResultGone):
                await app.client.result(Wanted(job.queue, job.id, 0, int, None))
        assert app.client is inside
    assert "client" not in vars(app)
    assert await job.result() == 1
