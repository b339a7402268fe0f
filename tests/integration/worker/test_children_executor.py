"""An executor with real children: waiting for one is no part of the attempt."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jobqueue import Job
from jobqueue.broker.messages import Delivery
from jobqueue.domain import codec
from jobqueue.domain.handlers import Handler, Kind
from jobqueue.domain.jobs import SPEC_VERSION, Spec
from jobqueue.domain.outcomes import Failed, Released, Succeeded, TimedOut
from jobqueue.worker.children import ChildPool
from jobqueue.worker.executor import Executor
from jobqueue.worker.held import Held
from jobqueue.worker.places import everywhere
from jobqueue.worker.threads import Threads
from tests.integration.worker.conftest import LIMITS
from tests.support import process_jobs as jobs
from tests.support.reports import shared
from tests.support.waiting import wait_until


@pytest.fixture
async def executor() -> AsyncIterator[Executor]:
    """An executor with one child."""
    children = ChildPool(1, LIMITS)
    threads = Threads(1, asyncio.get_running_loop())
    yield Executor(LIMITS, everywhere(threads, children))
    await children.close()


def held(job: Job[..., Any, Any] | Handler, timeout: float | None = None, **arguments: Any) -> Held:
    """Return a delivery of a job."""
    handler = job if isinstance(job, Handler) else job.handler
    timeout_ms = None if timeout is None else round(timeout * 1000)
    spec = msgspec.Raw(
        msgspec.msgpack.encode(Spec(SPEC_VERSION, None, codec.encode(arguments), timeout_ms))
    )
    delivery = Delivery(
        "job-1", "token", "ready:2", "1-0", 0, handler.name, 1, spec, 0, 0, 1, 0, 0, 99
    )
    return Held("default", delivery, handler, 0, shared())


async def test_timeout_kills(executor: Executor, tmp_path: Path) -> None:
    """A handler that hangs is killed and timed out; its attempt has a beginning."""
    slow = held(jobs.hang, 0.05, path=str(tmp_path / "lock"))
    outcome = await executor.run(slow)
    assert isinstance(outcome, TimedOut)
    assert outcome.failure.message == "ran longer than its timeout of 0.05 s"
    assert slow.started_us > 0
    assert not jobs.is_held(tmp_path / "lock")


async def test_waiting_is_no_part_of_it(executor: Executor, tmp_path: Path) -> None:
    """While a job waits for a child, its timeout does not run and it has not started."""
    first = asyncio.create_task(executor.run(held(jobs.hang, path=str(tmp_path / "lock"))))
    await wait_until(lambda: jobs.holding(tmp_path / "lock"), description="the child is busy")
    waiting = held(jobs.add, 2.0, point={"x": 1, "y": 2})
    second = asyncio.create_task(executor.run(waiting))
    await asyncio.wait({second}, timeout=2.1)
    assert (waiting.started_us, second.done()) == (0, False)
    first.cancel()
    assert isinstance(await second, Succeeded)
    assert 0 < waiting.started_us <= waiting.ended_us


async def test_released_before_it_started(executor: Executor, tmp_path: Path) -> None:
    """A job that is handed back while it waits for a child has never started."""
    first = asyncio.create_task(executor.run(held(jobs.hang, path=str(tmp_path / "lock"))))
    await wait_until(lambda: jobs.holding(tmp_path / "lock"), description="the child is busy")
    waiting = held(jobs.about)
    second = asyncio.create_task(executor.run(waiting))
    await asyncio.wait({second}, timeout=0)
    waiting.released = True
    second.cancel()
    assert await second == Released()
    assert waiting.started_us == 0
    first.cancel()
    await first


async def test_code_that_does_not_import(executor: Executor) -> None:
    """A failed import is an attempt: it has a beginning and an end."""

    def gone() -> None:
        """Stand for a function of a module that is not there any more."""

    gone.__module__ = "no_such_module"
    lost = held(Handler("gone", gone, Kind.PROCESS))
    outcome = await executor.run(lost)
    assert isinstance(outcome, Failed)
    assert outcome.failure.type == "ModuleNotFoundError"
    assert lost.started_us > 0
