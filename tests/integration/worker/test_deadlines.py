"""A job's deadline: no attempt runs past it, whatever it has waited for."""

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobqueue import JobFailed, Retry, RetryAfter, Snooze, current_job
from tests.support import child_jobs as children
from tests.support.stage import Stage, stage_on, stage_with
from tests.support.waiting import wait_until


def soon(seconds: float) -> datetime:
    """Return a moment from now."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize("form", ["from now", "moment", "handler"])
async def test_it_ends_an_attempt(stage: Stage, form: str) -> None:
    """An attempt that is still running at its job's deadline is told; there is no other one."""
    bound = 2.0  # it must have begun by then

    @stage.app.job(retry=5, deadline=bound if form == "handler" else None)
    async def slow() -> None:
        await asyncio.Event().wait()

    async with stage.app.worker():
        moment = soon(bound)
        if form == "handler":
            job = await slow.enqueue()
        else:
            job = await slow.options(deadline=moment if form == "moment" else bound).enqueue()
        [row] = await stage.ended(job.id)
        with pytest.raises(JobFailed, match="ran past the deadline of its job"):
            await job.result(timeout=30)
    assert (row.outcome, row.attempt, row.reason) == ("timed_out", 1, "deadline")
    due = moment.timestamp() if form == "moment" else row.enqueued_ms / 1e3 + bound
    assert -0.05 <= row.finished_us / 1e6 - due < 10


@pytest.mark.parametrize(
    ("timeout", "deadline", "words"),
    [
        (0.05, 60, "ran longer than its timeout of 0.05 s"),
        (60, 2.0, "ran past the deadline of its job"),
    ],
)
async def test_the_earlier_wins(stage: Stage, timeout: float, deadline: float, words: str) -> None:
    """Of timeout and deadline the one that is over first ends the attempt."""

    @stage.app.job(retry=0, timeout=timeout, deadline=deadline)
    async def slow() -> None:
        left = current_job().deadline
        assert left is not None
        stage.log.append(left.timestamp() - time.time())
        await asyncio.Event().wait()

    async with stage.app.worker():
        [row] = await stage.ended((await slow.enqueue()).id)
    assert (row.outcome, row.error_message) == ("timed_out", words)
    assert stage.log[0] <= min(timeout, deadline) + 0.01


async def test_over_before_it_starts(stage: Stage) -> None:
    """A job whose deadline is over when a worker gets it never starts; it is a dead letter."""

    @stage.app.job(retry=5)
    async def work() -> None:
        stage.log.append("began")

    job = await work.options(deadline=soon(-60)).enqueue()
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
        with pytest.raises(JobFailed, match="its deadline was over before it could start"):
            await job.result(timeout=30)
    assert (row.outcome, row.attempt, row.reason) == ("timed_out", 0, "deadline")
    assert (row.started_us, stage.log) == (0, [])


async def test_over_while_it_waits_for_a_thread(redis_url: str) -> None:
    """Waiting for a thread is no run: past the deadline the handler does not start."""
    async with stage_on(redis_url, threads=1) as stage:
        hold = threading.Event()

        @stage.app.job()
        def work(name: str) -> None:
            stage.log.append(name)
            if name == "first":
                hold.wait()

        @stage.app.job()
        async def other() -> None:
            """Without it the worker would take no more jobs than it has threads."""

        await work.enqueue("first")
        async with stage.app.worker():
            await stage.logged(1)
            job = await work.options(deadline=0.1).enqueue("late")
            [row] = await stage.ended(job.id)
            hold.set()
            await stage.ended((await work.enqueue("third")).id)
        assert (row.outcome, row.attempt, row.reason) == ("timed_out", 0, "deadline")
        assert stage.log == ["first", "third"]


async def test_a_timeout_begins_with_the_run(redis_url: str) -> None:
    """A timeout counts from the start of the handler, and so does what the handler sees of it."""
    async with stage_on(redis_url, threads=1) as stage:
        hold = threading.Event()

        @stage.app.job(timeout=60)
        def work(name: str) -> float:
            stage.log.append(name)
            if name == "first":
                hold.wait()
            deadline = current_job().deadline
            assert deadline is not None
            return deadline.timestamp()

        @stage.app.job()
        async def other() -> None:
            """Without it the worker would take no more jobs than it has threads."""

        await work.enqueue("first")
        async with stage.app.worker() as worker:
            await stage.logged(1)
            second = await work.enqueue("second")
            await wait_until(lambda: len(worker._pool.working) == 2, description="it waits")
            began = time.time() + 0.5  # of which nothing counts
            asyncio.get_running_loop().call_later(0.5, hold.set)
            assert -0.05 <= await second.result(timeout=60) - began - 60 < 30


async def test_over_while_a_child_is_made(redis_url: str) -> None:
    """The deadline goes on while a child imports the handler's code: there it never starts."""
    async with stage_with(children.app, redis_url) as stage:
        job = await children.alive.options(deadline=0.05).enqueue()
        async with stage.app.worker():
            [row] = await stage.ended(job.id)
        assert (row.outcome, row.attempt, row.reason) == ("timed_out", 0, "deadline")


async def test_a_child_sees_its_own(redis_url: str) -> None:
    """A child's handler sees the end of its timeout, which begins when it does."""
    async with stage_with(children.app, redis_url) as stage:
        seen = children.about.options(timeout=60, tags=["a"], metadata={"trace": 7})
        async with stage.app.worker():
            about: dict[str, Any] = await (await seen.enqueue()).result(timeout=30)
        assert 55 < about["deadline"] <= 60.05
        del about["deadline"]
        assert about == {
            "tags": ["a"], "metadata": {"trace": 7}, "cancelled": False, "shutting_down": False,
        }  # fmt: skip


@pytest.mark.parametrize("asks", ["policy", "retry after"])
async def test_no_retry_past_it(stage: Stage, asks: str) -> None:
    """A retry that would begin past the deadline is none: the job is dead at once."""

    @stage.app.job(retry=Retry(5, base=30, jitter="none"), deadline=20)
    async def work() -> None:
        raise RetryAfter(30) if asks == "retry after" else LookupError("no")

    job = await work.enqueue()
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    assert (row.outcome, row.attempt, row.reason) == ("failed", 1, "deadline")


async def test_a_snooze_past_it(stage: Stage) -> None:
    """A job that sleeps past its deadline does not run again."""

    @stage.app.job(deadline=2.0)
    async def work() -> None:
        stage.log.append("began")
        raise Snooze(2.1)

    async with stage.app.worker(), stage.app.scheduler():
        job = await work.enqueue()
        [row] = await stage.ended(job.id)
    assert (row.outcome, row.attempt, row.reason) == ("timed_out", 0, "deadline")
    assert await stage.outcomes(job.id) == ["snoozed", "timed_out"]
    assert stage.log == ["began"]


async def test_a_budget_of_time(stage: Stage) -> None:
    """``Retry(budget=...)``: no retry begins later than that after the enqueueing."""

    @stage.app.job(retry=Retry(100, base=0.6, jitter="none", backoff="constant", budget=2.1))
    async def work() -> None:
        raise LookupError("no")

    async with stage.app.worker(), stage.app.scheduler():
        job = await work.enqueue()
        await stage.ended(job.id)
    *earlier, last = await stage.rows(job.id)
    assert (last.outcome, last.reason) == ("failed", "budget_spent")
    assert 1 <= len(earlier) <= 3
    assert all((row.retry_ms or 0) - row.enqueued_ms <= 2100 for row in earlier)


@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_a_retry_that_comes_too_late(stage: Stage, kind: str) -> None:
    """A retry that was planned in time and waited past the budget does not begin."""
    policy = Retry(9, base=0.1, jitter="none", backoff="constant", budget=2.0)

    def in_thread() -> None:
        stage.log.append("began")
        raise LookupError("real cause")

    async def on_loop() -> None:
        in_thread()

    handler: Any = on_loop if kind == "async" else in_thread
    work = stage.app.job(retry=policy)(handler)
    async with stage.app.worker():
        job = await work.enqueue()
        await stage.reaches(job.id, "retrying")
        end = time.monotonic() + 2.0
    await wait_until(lambda: time.monotonic() > end, description="its budget is spent")
    async with stage.app.worker(), stage.app.scheduler():
        [row] = await stage.ended(job.id)
    assert (row.outcome, row.reason, row.started_us) == ("timed_out", "budget_spent", 0)
    last = "its retry budget was over before it could start; last error: LookupError: real cause"
    assert row.error_message == last
    [found] = await stage.app.find(job.id)
    assert (row.attempt, found.attempts, found.deliveries) == (1, 1, 2)
    assert stage.log == ["began"]


async def test_a_jobs_own_budget(stage: Stage) -> None:
    """A policy that came with one job brings its budget."""

    @stage.app.job()
    async def work() -> None:
        raise LookupError("no")

    job = await work.options(retry=Retry(9, base=60, budget=30, jitter="none")).enqueue()
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    assert (row.attempt, row.reason) == (1, "budget_spent")


@pytest.mark.parametrize("bound", ["deadline", "budget"])
async def test_a_broken_backoff_keeps_the_bounds(stage: Stage, bound: str) -> None:
    """An own delay function that fails leaves the plain policy, within deadline and budget."""

    def broken(_attempt: int, _error: BaseException, _job: Any) -> float:
        raise TypeError("own bug")

    budget = 0.5 if bound == "budget" else None
    deadline = 0.5 if bound == "deadline" else None

    @stage.app.job(retry=Retry(9, backoff=broken, budget=budget), deadline=deadline)
    async def work() -> None:
        raise LookupError("no")

    job = await work.enqueue()
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    assert row.reason == {"deadline": "deadline", "budget": "budget_spent"}[bound]
