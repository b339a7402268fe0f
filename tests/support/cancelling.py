"""Jobs that are cancelled, and what must have become of them."""

from typing import Any

import pytest

from jobqueue import Job, JobCancelled, JobConflict, JobHandle, Limit
from tests.support.stage import Stage, each_once


def declare(stage: Stage) -> Job[..., Any, Any]:
    """Declare a handler that notes its runs."""

    @stage.app.job(limit=Limit(1))
    async def work() -> None:
        stage.log.append("began")

    return work


async def is_cancelled(stage: Stage, job: JobHandle[Any], why: str | None = None) -> None:
    """Assert that a job has ended as cancelled, once, and that its waiter hears it."""
    [row] = await stage.ended(job.id)
    assert (row.outcome, row.reason, row.error_message) == ("cancelled", "cancelled", why)
    with pytest.raises(JobCancelled):
        await job.result(timeout=30)
    each_once(await stage.rows(job.id))


async def attempt(job: JobHandle[Any]) -> str | None:
    """Cancel a job; return the state it was in."""
    try:
        return await job.cancel()
    except JobConflict as conflict:
        return str(conflict.state)
