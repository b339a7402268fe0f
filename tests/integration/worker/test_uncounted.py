"""Failures that count for nothing, and delays that the application decides."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from jobqueue import CurrentJob, Job, Permanent, Retry, RetryAfter, current_job
from tests.support.stage import Stage, each_once, stage_on


class BusyError(Exception):
    """Is nobody's fault."""


def not_busy(error: BaseException) -> bool:
    """Say whether an error counts."""
    return not isinstance(error, BusyError)


@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_not_counted(stage: Stage, kind: str) -> None:
    """What ``is_failure`` refuses is repeated with its delay and its row, at no attempt's cost."""

    def run() -> int:
        if current_job().delivery <= 4:
            raise BusyError
        if current_job().attempt == 1:
            raise LookupError("this one counts")
        return current_job().attempt

    async def run_async() -> int:
        return run()

    declare = stage.app.job(
        name="work", retry=Retry(1, base=0.01, cap=0.01, jitter="none"), is_failure=not_busy
    )
    work: Job[..., Any, Any] = declare(run if kind == "thread" else run_async)
    job = await work.enqueue()
    async with stage.app.worker(), stage.app.scheduler():
        assert await job.result(timeout=30) == 2
    rows = await stage.rows(job.id)
    each_once(rows)
    assert [(row.outcome, row.attempt) for row in rows] == [
        ("failed", 1), ("failed", 1), ("failed", 1), ("failed", 1), ("failed", 1),
        ("succeeded", 2),
    ]  # fmt: skip
    waits = [(row.retry_ms or 0) - row.finished_us // 1000 for row in rows[:-1]]
    assert waits == [10] * 5


async def test_not_counted_without_retries(stage: Stage) -> None:
    """A job with no retry at all goes on as long as nothing counts."""

    @stage.app.job(retry=Retry(0, base=0.001), is_failure=not_busy)
    async def work() -> int:
        if current_job().delivery <= 3:
            raise BusyError
        return current_job().delivery

    job = await work.enqueue()
    async with stage.app.worker(), stage.app.scheduler():
        assert await job.result(timeout=30) == 4


@pytest.mark.parametrize(
    ("raised", "policy", "reason"),
    [
        (Permanent("no"), Retry(3), "permanent"),
        (BusyError(), Retry(3, never=BusyError), "not_retried"),
        (BusyError(), Retry(3, on=LookupError), "not_retried"),
        (BusyError(), Retry(3, base=60, budget=30, jitter="none"), "budget_spent"),
        (BusyError(), Retry(3, backoff=lambda *_: None), "retries_exhausted"),
    ],
)
async def test_what_ends_it_all_the_same(
    stage: Stage, raised: BaseException, policy: Retry, reason: str
) -> None:
    """``Permanent``, ``on``, ``never``, the budget and a delay of None end an uncounted one."""

    @stage.app.job(retry=policy, is_failure=lambda _: False)
    async def work() -> None:
        raise raised

    job = await work.enqueue()
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    assert (row.outcome, row.attempt, row.reason) == ("failed", 1, reason)


async def test_retry_after_is_asked(stage: Stage) -> None:
    """``RetryAfter`` that does not count still says when."""

    @stage.app.job(retry=0, is_failure=lambda _: False)
    async def work() -> None:
        raise RetryAfter(60)

    job = await work.enqueue()
    async with stage.app.worker():
        await stage.reaches(job.id, "retrying")
    [row] = await stage.rows(job.id)
    assert (row.retry_ms or 0) - row.finished_us // 1000 == 60_000
    assert "attempts" not in (live := await stage.broker.state(job.id)) or live["attempts"] == "0"


@pytest.mark.parametrize("problem", [LookupError("bug"), SystemExit(1), KeyboardInterrupt()])
async def test_a_predicate_that_fails(
    stage: Stage, problem: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """A predicate that raises is logged; the attempt counts and the worker lives."""

    def broken(_error: BaseException) -> bool:
        raise problem

    @stage.app.job(retry=0, is_failure=broken)
    async def work() -> None:
        raise BusyError

    job = await work.enqueue()
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    assert (row.attempt, row.reason) == (1, "retries_exhausted")
    assert "is_failure failed; the attempt counts" in caplog.text


async def test_an_own_delay_function(stage: Stage) -> None:
    """It gets attempt, error and job; a number or a ``timedelta`` is the wait, None the end."""

    def delay(attempt: int, error: BaseException, job: CurrentJob) -> float | timedelta | None:
        stage.log.append((attempt, str(error), job.tags))
        return [0.02, timedelta(milliseconds=30), None][attempt - 1]  # type: ignore[return-value]

    @stage.app.job(retry=Retry(100, backoff=delay), tags=["a"])
    async def work() -> None:
        raise LookupError(str(current_job().attempt))

    job = await work.enqueue()
    async with stage.app.worker(), stage.app.scheduler():
        await stage.ended(job.id)
    rows = await stage.rows(job.id)
    assert [(row.retry_ms or 0) - row.finished_us // 1000 for row in rows[:-1]] == [20, 30]
    assert [row.reason for row in rows] == ["", "", "retries_exhausted"]
    assert stage.log == [(1, "1", ("a",)), (2, "2", ("a",)), (3, "3", ("a",))]


async def test_decorrelated_waits_grow_from_each_other(stage: Stage) -> None:
    """Each wait lies between the base and three times the last one, which the job keeps."""

    @stage.app.job(retry=Retry(6, base=0.01, cap=10, jitter="decorrelated"))
    async def work() -> None:
        raise LookupError("no")

    job = await work.enqueue()
    async with stage.app.worker(), stage.app.scheduler():
        await stage.ended(job.id)
    rows = await stage.rows(job.id)
    waits = [(row.retry_ms or 0) - row.finished_us // 1000 for row in rows[:-1]]
    for before, wait in zip([10, *waits], waits, strict=False):
        assert 9 <= wait <= 3 * before + 2, waits


async def test_a_handler_that_ignores_its_end(redis_url: str) -> None:
    """A handler that never ends keeps no worker: its job runs elsewhere, its outcome is nothing."""
    async with stage_on(redis_url, grace=0.05) as stage:
        release = asyncio.Event()

        @stage.app.job(retry=0)
        async def work() -> int:
            stage.log.append(current_job().delivery)
            while current_job().delivery == 1 and not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue
            return current_job().delivery

        job = await work.enqueue()
        async with stage.app.worker():
            await stage.logged(1)
        async with stage.app.worker():
            assert await job.result(timeout=30) == 2
        release.set()
        assert await stage.outcomes(job.id) == ["released", "succeeded"]


async def test_deep_recursion(stage: Stage) -> None:
    """A handler without an end to its calls fails, on the loop and in a thread."""

    def dive() -> None:
        dive()

    async def dive_async() -> None:
        await dive_async()

    jobs = [
        await stage.app.job(retry=0, name="thread")(dive).enqueue(),
        await stage.app.job(retry=0, name="loop")(dive_async).enqueue(),
    ]
    async with stage.app.worker():
        rows = await stage.ended(*(job.id for job in jobs))
    assert {(row.outcome, row.error_type) for row in rows} == {("failed", "RecursionError")}
