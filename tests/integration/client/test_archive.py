"""Results of jobs that Redis has forgotten: from PostgreSQL, where an address is set."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from jobqueue import (
    HistoryUnavailable,
    JobFailed,
    JobHandle,
    ResultGone,
    SchemaMismatch,
)
from tests.support import wait_until
from tests.support.stage import Stage, stage_on


@dataclass
class Receipt:
    """A result with a type."""

    number: int
    day: date


async def by_loop(job: JobHandle[Any]) -> Any:
    """Ask on the loop."""
    return await job.result(30)


async def by_thread(job: JobHandle[Any]) -> Any:
    """Ask in a thread."""
    return await asyncio.to_thread(job.result_sync, 15)


both = pytest.mark.parametrize("ask", [by_loop, by_thread])
Ask = Callable[[JobHandle[Any]], Awaitable[Any]]


@pytest.fixture
async def stage(redis_url: str, history_url: str) -> AsyncIterator[Stage]:
    """An app that forgets results as soon as they are recorded, with its services."""
    async with AsyncExitStack() as stack:
        app = stage_on(redis_url, database_url=history_url, result_ttl=0.0)
        stage = await stack.enter_async_context(app)
        await stack.enter_async_context(stage.app.worker())
        await stack.enter_async_context(stage.app.scheduler())
        yield stage


async def forgotten(stage: Stage, job: JobHandle[Any]) -> None:
    """Wait until Redis knows nothing of a job."""

    async def gone() -> bool:
        return not await stage.broker.exists(job.id)

    await wait_until(gone, description="the job is recorded and forgotten")


@both
async def test_result(stage: Stage, ask: Ask) -> None:
    """A result comes back from the history as it would from Redis: with its type."""

    @stage.app.job()
    async def buy(number: int) -> Receipt:
        """Return a receipt."""
        return Receipt(number, date(2026, 3, 1))

    job = await buy.enqueue(7)
    await forgotten(stage, job)
    assert await ask(job) == Receipt(7, date(2026, 3, 1))


@both
@pytest.mark.parametrize("value", [None, False, 0, "", [], {"é": [1.5, None, 2**40]}])
async def test_any_value(stage: Stage, ask: Ask, value: Any) -> None:
    """Nothing, and values that look like nothing, are what they were."""

    @stage.app.job()
    async def give() -> Any:
        """Return a value."""
        return value

    job = await give.enqueue()
    await forgotten(stage, job)
    assert await ask(job) == value


@both
async def test_failure(stage: Stage, ask: Ask) -> None:
    """A dead letter's error comes back whole."""

    @stage.app.job(retry=0)
    async def fail() -> None:
        """Fail."""
        raise LookupError("no tea")

    job = await fail.enqueue()
    await forgotten(stage, job)
    with pytest.raises(JobFailed) as caught:
        await ask(job)
    error = caught.value
    assert (error.job_id, error.type, error.message) == (job.id, "LookupError", "no tea")
    assert error.traceback.endswith("LookupError: no tea\n")


@both
async def test_queue_counts(stage: Stage, ask: Ask) -> None:
    """The same id in two queues are two jobs, each with its own result."""

    @stage.app.job()
    async def echo(text: str) -> str:
        """Return a text."""
        return text

    jobs = [
        await echo.options(job_id="1", queue=queue).enqueue(queue) for queue in ("default", "b")
    ]
    async with stage.app.worker(queues=["b"]):
        for job in jobs:
            stage.broker.queue = job.queue
            await forgotten(stage, job)
    assert [await ask(job) for job in jobs] == ["default", "b"]


@both
async def test_nobody_knows(redis_url: str, history_url: str, ask: Ask) -> None:
    """A job that neither knows is gone."""
    async with stage_on(redis_url, database_url=history_url) as stage:
        job = await stage.app.ref("job").enqueue()
        await stage.broker.finish(await stage.broker.take())
        await stage.broker.recorded()
        with pytest.raises(ResultGone, match="no history that was asked knows"):
            await ask(job)


@both
@pytest.mark.parametrize(
    ("database", "error"),
    [("postgresql:///x?host=/nowhere", HistoryUnavailable), ("empty", SchemaMismatch)],
)
async def test_history_that_can_t_be_asked(
    redis_url: str,
    postgres_url: str,
    ask: Ask,
    database: str,
    error: type[Exception],
) -> None:
    """What is wrong with PostgreSQL is said; a result in Redis needs none."""
    url = postgres_url if database == "empty" else database
    async with stage_on(redis_url, database_url=url) as stage:
        job = await stage.app.ref("job").enqueue()
        await stage.broker.finish(await stage.broker.take(), fields=["result", "1"])
        assert await ask(job) == 1
        await stage.broker.recorded()
        with pytest.raises(error):
            await ask(job)
