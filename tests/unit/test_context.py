"""What a handler may ask about its own job, and what everybody else is told."""

from datetime import UTC, datetime

import pytest

from jobqueue import CurrentJob, NoCurrentJob, current_job
from jobqueue.domain import context

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_nobody_runs() -> None:
    """Outside a handler there is no job; the error says where there is one."""
    with pytest.raises(NoCurrentJob, match="inside a handler that a worker runs"):
        current_job()


def test_inside() -> None:
    """A handler sees its job; its moment is aware."""
    job = CurrentJob("id-1", "send", "email", 1, 2, 0, int(NOON.timestamp() * 1000), 99)
    token = context.running.set(job)
    try:
        assert current_job() is job
    finally:
        context.running.reset(token)
    assert job.enqueued_at == NOON
