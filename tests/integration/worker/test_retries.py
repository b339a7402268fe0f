"""What follows from a failed attempt."""

import math
from datetime import timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from jobqueue import CurrentJob, Permanent, Retry, RetryAfter, Snooze, current_job
from jobqueue.domain.jobs import SPEC_VERSION, Spec
from jobqueue.domain.retry import RetrySpec
from tests.support.stage import Stage, each_once

HUNDRED_YEARS_MS = 100 * 366 * 86_400_000


async def test_fails_twice_then_succeeds(stage: Stage) -> None:
    """A job that fails n times has n + 1 attempts, each with its row."""

    @stage.app.job(retry=Retry(3, base=0.01))
    async def flaky() -> int:
        if current_job().attempt < 3:
            raise LookupError(str(current_job().attempt))
        return current_job().attempt

    job = await flaky.enqueue()
    async with stage.app.worker(), stage.app.scheduler():
        assert await job.result(timeout=30) == 3
    rows = await stage.rows(job.id)
    each_once(rows)
    assert [(r.attempt, r.delivery, r.outcome, r.final) for r in rows] == [
        (1, 1, "failed", False),
        (2, 2, "failed", False),
        (3, 3, "succeeded", True),
    ]
    # A retry is never early, and its row says when it was due.
    assert all(
        later.ready_ms >= (earlier.retry_ms or math.inf) - 2 for earlier, later in pairwise(rows)
    )


async def test_permanent_skips_the_retries(stage: Stage) -> None:
    """``Permanent`` makes a dead letter of the first attempt."""

    @stage.app.job(retry=5)
    async def hopeless() -> None:
        raise Permanent("no such user")

    job = await hopeless.enqueue()
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    assert (row.outcome, row.attempt, row.reason) == ("failed", 1, "permanent")
    assert row.error_message == "no such user"


async def test_retry_after_replaces_the_delay_and_counts(stage: Stage) -> None:
    """``RetryAfter`` says when the next attempt is due, as long as there is one."""

    @stage.app.job(retry=Retry(1, base=300))
    async def throttled() -> None:
        raise RetryAfter(0.01)

    job = await throttled.enqueue()
    async with stage.app.worker(), stage.app.scheduler():
        await stage.ended(job.id)
    rows = await stage.rows(job.id)
    assert [(r.attempt, r.outcome, r.reason) for r in rows] == [
        (1, "failed", ""),
        (2, "failed", "retries_exhausted"),
    ]
    assert (rows[0].retry_ms or 0) - rows[0].finished_us // 1000 == 10


async def test_snooze_costs_nothing(stage: Stage) -> None:
    """``Snooze`` runs the job again, however often, and counts no attempt."""

    @stage.app.job(retry=0)
    async def sleepy() -> int:
        if current_job().delivery <= 4:
            raise Snooze(timedelta(milliseconds=5))
        return current_job().attempt

    job = await sleepy.enqueue()
    async with stage.app.worker(), stage.app.scheduler():
        assert await job.result(timeout=30) == 1
    rows = await stage.rows(job.id)
    assert [row.outcome for row in rows] == ["snoozed"] * 4 + ["succeeded"]
    assert [row.delivery for row in rows] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("error", [RetryAfter, Snooze])
async def test_a_hundred_years_have_a_due_time(
    stage: Stage, error: type[RetryAfter | Snooze]
) -> None:
    """The longest delay that a handler may ask for is kept to the millisecond."""

    @stage.app.job(retry=3)
    async def wild() -> None:
        raise error(timedelta(milliseconds=HUNDRED_YEARS_MS))

    job = await wild.enqueue()
    async with stage.app.worker():
        await stage.reaches(job.id, "scheduled" if error is Snooze else "retrying")
    [row] = await stage.rows(job.id)
    assert (row.retry_ms or 0) - row.finished_us // 1000 == HUNDRED_YEARS_MS
    [score] = (await stage.broker.redis("ZRANGE", key(stage), 0, 0, "WITHSCORES"))[0][1:]
    assert abs(score - (row.retry_ms or 0)) < 5000


@pytest.mark.parametrize("error", [RetryAfter, Snooze])
@pytest.mark.parametrize("delay", [timedelta.max, timedelta(seconds=-5)], ids=["endless", "past"])
async def test_a_delay_that_is_none(
    stage: Stage, error: type[RetryAfter | Snooze], delay: timedelta
) -> None:
    """A handler that asks for an impossible delay fails like any other."""

    @stage.app.job(retry=0)
    async def wild() -> None:
        raise error(delay)

    job = await wild.enqueue()
    async with stage.app.worker():
        [row] = await stage.ended(job.id)
    assert (row.outcome, row.error_type) == ("failed", "ValueError")
    assert "write 0 seconds to 100 years" in (row.error_message or "")


def key(stage: Stage) -> str:
    """Return the name of the schedule."""
    return stage.broker.keys.scheduled("default")


@pytest.mark.parametrize(
    "answer",
    [ValueError("own bug"), SystemExit(3), "soon", math.nan, None],
    ids=["raises", "exits", "text", "nan", "none"],
)
async def test_an_own_backoff_function(stage: Stage, answer: Any) -> None:
    """One that raises or answers nonsense leaves the plain policy; None ends the retries."""

    def backoff(attempt: int, error: BaseException, job: CurrentJob) -> Any:
        stage.log.append((attempt, type(error), type(job), job.queue))
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @stage.app.job(retry=Retry(2, backoff=backoff, cap=30))
    async def fails() -> None:
        raise LookupError("x")

    job = await fails.enqueue()
    async with stage.app.worker():
        await stage.reaches(job.id, "dead" if answer is None else "retrying")
    assert stage.log == [(1, LookupError, CurrentJob, "default")]
    [row] = await stage.rows(job.id)
    assert (row.attempt, row.outcome) == (1, "failed")
    if answer is None:
        assert (row.reason, row.retry_ms) == ("retries_exhausted", None)
    else:
        assert 0 <= (row.retry_ms or 0) - row.finished_us // 1000 <= 30_000


async def test_a_policy_of_a_newer_version(stage: Stage) -> None:
    """A job whose own policy nobody here knows is tried by the handler's."""
    raw = Spec(SPEC_VERSION, None, b"{}", retry=RetrySpec(7, 1, 1, "fibonacci", "none"))
    await stage.broker.enqueue("new", name="fails", spec=msgspec.msgpack.encode(raw))

    @stage.app.job(retry=0)
    async def fails() -> None:
        raise LookupError("x")

    async with stage.app.worker():
        [row] = await stage.ended("new")
    assert (row.attempt, row.reason) == (1, "retries_exhausted")
