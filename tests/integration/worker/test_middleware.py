"""What stands around every run: its order, and what it can do to a job."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from jobqueue import CurrentJob, Retry, Snooze, current_job
from tests.support import child_jobs as children
from tests.support.process_jobs import is_held
from tests.support.stage import Stage, stage_with
from tests.support.waiting import wait_until

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
        assert await job.result(timeout=10) == ["value", "inner"]
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
        assert await (await alive.enqueue()).result(timeout=5) == "alive"
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
        assert await job.result(timeout=10) == "no luck"
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
        assert await job.result(timeout=10) == "cached"
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
        assert await job.result(timeout=10) == 2
    [row] = await stage.rows(job.id)
    assert (row.outcome, row.attempt, stage.log) == ("succeeded", 1, [1, 1])


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
        await asyncio.sleep(0.01)
        raise LookupError

    job = await work.enqueue()
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    assert row.outcome == "timed_out"
    assert 150_000 <= row.finished_us - row.started_us < 2_000_000


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
        assert await job.result(timeout=10) == "late"


async def test_its_own_timeout_ends_an_async_handler(stage: Stage) -> None:
    """A middleware with less patience than the job cancels an async handler."""

    @stage.app.middleware
    async def impatient(_job: CurrentJob, call_next: Next) -> Any:
        async with asyncio.timeout(0.05):
            return await call_next()

    @stage.app.job(retry=0)
    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stage.log.append("cancelled")

    job = await slow.enqueue()
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    assert (row.outcome, row.error_type, stage.log) == ("failed", "TimeoutError", ["cancelled"])


async def test_its_own_timeout_waits_for_a_thread(stage: Stage) -> None:
    """A thread keeps its slot until it returns, also when a middleware has given it up."""
    hold = threading.Event()

    @stage.app.middleware
    async def impatient(_job: CurrentJob, call_next: Next) -> Any:
        try:
            async with asyncio.timeout(0.05):
                return await call_next()
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
            running: asyncio.Task[Any] = asyncio.create_task(call_next())  # type: ignore[arg-type]
            path = tmp_path / "lock"
            await wait_until(lambda: path.exists() and is_held(path), description="it runs")
            async with asyncio.timeout(0):
                return await running

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
        assert await job.result(timeout=10) == "really done"
    assert await stage.outcomes(job.id) == ["released", "succeeded"]


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
