"""What stands around every run: its order, and what it can do to a job."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jobqueue import CurrentJob, Retry, current_job
from tests.support import child_jobs as children
from tests.support.stage import Stage, stage_with

Next = Callable[[], Awaitable[Any]]


async def test_order(stage: Stage) -> None:
    """The first one declared is outermost; each sees the job and the value on its way out."""

    @stage.app.middleware
    async def outer(job: CurrentJob, call_next: Next) -> Any:
        stage.log.append(("outer", job.name, job.tags, job.metadata))
        value = await call_next()
        stage.log.append(("outer", value))
        return value

    @stage.app.middleware()
    async def inner(job: CurrentJob, call_next: Next) -> Any:
        assert current_job().id == job.id
        stage.log.append("inner")
        return [await call_next(), "inner"]

    @stage.app.job(tags=["a"], metadata={"trace": 7})
    async def work() -> Any:
        stage.log.append("work")
        return "value"

    job = await work.enqueue()
    async with stage.app.worker():
        assert await job.result(timeout=30) == ["value", "inner"]
    assert stage.log == [
        ("outer", "work", ("a",), {"trace": 7}),
        "inner",
        "work",
        ("outer", ["value", "inner"]),
    ]


@pytest.mark.parametrize("place", ["before", "after", "instead"])
@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_one_that_raises(stage: Stage, place: str, kind: str) -> None:
    """What a middleware raises is the attempt's failure: it is counted, retried and recorded."""

    @stage.app.middleware
    async def broken(_job: CurrentJob, call_next: Next) -> Any:
        if place == "before":
            raise LookupError(place)
        try:
            value = await call_next()
        except ValueError as error:
            raise LookupError(place) from error
        raise LookupError(place, value)

    def run() -> str:
        stage.log.append(current_job().attempt)
        if place == "instead":
            raise ValueError("from the handler")
        return "done"

    async def run_async() -> str:
        return run()

    handler = run_async if kind == "async" else run
    job = await stage.app.job(name="work", retry=Retry(1, base=0))(handler).enqueue()
    async with stage.app.worker(), stage.app.scheduler():
        await stage.ended(job.id)
    rows = await stage.rows(job.id)
    assert [(row.outcome, row.attempt, row.error_type) for row in rows] == [
        ("failed", 1, "LookupError"),
        ("failed", 2, "LookupError"),
    ]
    assert all(0 < row.started_us <= row.finished_us for row in rows)
    assert stage.log == ([] if place == "before" else [1, 2])
    chained = "ValueError: from the handler" in (rows[0].traceback or "")
    assert chained == (place == "instead")


@pytest.mark.parametrize("raised", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
async def test_one_that_ends_programs(stage: Stage, raised: BaseException) -> None:
    """``SystemExit`` and its like end the attempt, not the worker."""

    @stage.app.middleware
    async def broken(job: CurrentJob, call_next: Next) -> Any:
        if job.name == "work":
            raise raised
        return await call_next()

    @stage.app.job(retry=0)
    async def work() -> None:
        """Do nothing."""

    @stage.app.job()
    async def alive() -> str:
        return "alive"

    job = await work.enqueue()
    async with stage.app.worker(concurrency=1):
        [row] = await stage.ended(job.id)
        assert await (await alive.enqueue()).result(timeout=30) == "alive"
    assert (row.outcome, row.attempt, row.error_type) == ("failed", 1, type(raised).__name__)


async def test_a_programs_end_passes_through_tasks(stage: Stage) -> None:
    """A middleware may run the handler in a task of its own, whatever that raises."""

    @stage.app.middleware
    async def patient(_job: CurrentJob, call_next: Next) -> Any:
        return await asyncio.create_task(call_next())  # type: ignore[arg-type]

    @stage.app.job(retry=0)
    async def work() -> None:
        raise SystemExit(3)

    job = await work.enqueue()
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    assert (row.outcome, row.error_type, row.error_message) == ("failed", "SystemExit", "3")


async def test_one_that_swallows(stage: Stage) -> None:
    """A middleware that catches the error and returns makes a success of the attempt."""

    @stage.app.middleware
    async def forgiving(_job: CurrentJob, call_next: Next) -> Any:
        try:
            return await call_next()
        except LookupError as error:
            return f"no {error}"

    @stage.app.job(retry=0)
    async def work(what: str) -> str:
        raise LookupError(what)

    job = await work.enqueue("luck")
    async with stage.app.worker():
        assert await job.result(timeout=30) == "no luck"
    [row] = await stage.rows(job.id)
    assert (row.outcome, row.error_type) == ("succeeded", None)


async def test_one_that_answers_instead(stage: Stage) -> None:
    """A middleware that never runs the handler has made an attempt all the same."""

    @stage.app.middleware
    async def cached(_job: CurrentJob, _call_next: Next) -> Any:
        return "cached"

    @stage.app.job()
    async def work() -> str:
        raise AssertionError

    job = await work.enqueue()
    async with stage.app.worker():
        assert await job.result(timeout=30) == "cached"
    [row] = await stage.rows(job.id)
    assert (row.outcome, row.attempt) == ("succeeded", 1)
    assert 0 < row.started_us <= row.finished_us


async def test_one_whose_answer_is_no_result(stage: Stage) -> None:
    """What a middleware returns has to be JSON like any result."""

    @stage.app.middleware
    async def odd(_job: CurrentJob, call_next: Next) -> Any:
        await call_next()
        return object()

    @stage.app.job(retry=5)
    async def work() -> None:
        """Do nothing."""

    job = await work.enqueue()
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    assert (row.outcome, row.attempt, row.reason) == ("failed", 1, "result_not_json")


@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_one_that_tries_again(stage: Stage, kind: str) -> None:
    """A second ``call_next`` runs the handler again, within one attempt and its timeout."""

    @stage.app.middleware
    async def stubborn(_job: CurrentJob, call_next: Next) -> Any:
        try:
            return await call_next()
        except LookupError:
            return await call_next()

    def run() -> int:
        stage.log.append(current_job().attempt)
        if len(stage.log) == 1:
            raise LookupError("once")
        return len(stage.log)

    async def run_async() -> int:
        return run()

    handler = run_async if kind == "async" else run
    job = await stage.app.job(name="work", timeout=30, retry=0)(handler).enqueue()
    async with stage.app.worker():
        assert await job.result(timeout=30) == 2
    [row] = await stage.rows(job.id)
    assert (row.outcome, row.attempt, stage.log) == ("succeeded", 1, [1, 1])


async def test_around_a_child(redis_url: str) -> None:
    """Middleware runs in the worker; a child's failure has the child's type and traceback."""
    async with stage_with(children.app, redis_url) as stage:

        @stage.app.middleware
        async def looking(_job: CurrentJob, call_next: Next) -> Any:
            try:
                return await call_next()
            except Exception as error:
                stage.log.append((type(error).__name__, str(error)))
                raise

        good = await children.answer.enqueue("good")
        bad = await children.fail.enqueue("error")
        async with stage.app.worker():
            assert await good.result(timeout=30) == [1]
            [row] = await stage.ended(bad.id)
        assert (row.error_type, row.error_message) == ("LookupError", "lost")
        assert "raise ENDS[kind]()" in (row.traceback or "")
    [(kind, text)] = stage.log
    assert kind == "JobFailed"
    assert "LookupError: lost" in text
