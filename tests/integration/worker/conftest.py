"""A pool of children with a way to run one job in it; reads that end by tokens alone."""

from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

import pytest

from jobqueue import CurrentJob, Job
from jobqueue.domain import codec
from jobqueue.domain.handlers import Handler
from jobqueue.domain.jobs import SPEC_VERSION, Spec
from jobqueue.domain.outcomes import Outcome
from jobqueue.domain.retry import RetrySpec
from jobqueue.worker import requests, tokens
from jobqueue.worker.attempt import Limits
from jobqueue.worker.children import ChildPool

SOON = 15.0  # seconds; far below the time after which a blocking read ends in these tests
LIMITS = Limits(timeout=None, result=64 * 1024, traceback=16 * 1024)


def nothing() -> None:
    """Do nothing."""


class Run(Protocol):
    """Runs a job in the pool of the test."""

    async def __call__(
        self,
        job: Job[..., Any, Any] | Handler,
        /,
        *,
        attempt: int = 1,
        retry: RetrySpec | None = None,
        started: Callable[[], None] = nothing,
        **arguments: Any,
    ) -> Outcome:
        """Return what the job came to."""


def current(attempt: int = 1) -> CurrentJob:
    """Return a job as its handler sees it."""
    return CurrentJob("job-1", "name", "default", attempt, 1, 0, 1_700_000_000_000, 99)


def runner(pool: ChildPool) -> Run:
    """Return what runs jobs in ``pool``."""

    async def run(
        job: Job[..., Any, Any] | Handler,
        /,
        *,
        attempt: int = 1,
        retry: RetrySpec | None = None,
        started: Callable[[], None] = nothing,
        **arguments: Any,
    ) -> Outcome:
        handler = job if isinstance(job, Handler) else job.handler
        spec = Spec(SPEC_VERSION, None, codec.encode(arguments), retry=retry)
        return await pool.run(handler, spec, current(attempt), started)

    return run


@pytest.fixture
async def pool() -> AsyncIterator[ChildPool]:
    """At most two children."""
    pool = ChildPool(2, LIMITS)
    yield pool
    await pool.close()


@pytest.fixture
def run(pool: ChildPool) -> Run:
    """Run a job in the pool."""
    return runner(pool)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let blocking reads last so long that only tokens wake anybody."""
    monkeypatch.setattr(tokens, "BLOCK", 60)
    monkeypatch.setattr(requests, "PART", 60)
    monkeypatch.setattr("jobqueue.broker.lanes.TIMEOUT", 60.0)
