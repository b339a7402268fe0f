"""What hooks are told, and that nothing they do harms a job or the worker."""

import asyncio
import logging
from collections import Counter
from typing import Any

import pytest

from jobqueue import JobEvent, Permanent, Retry, current_job
from jobqueue.domain.extensions import HOOKS
from tests.support import child_jobs as children
from tests.support.proxy import Proxy
from tests.support.stage import Stage, stage_on, stage_with
from tests.support.waiting import wait_until

ABOUT_JOBS = [name for name in HOOKS if name != "health"]


def note_all(stage: Stage) -> list[JobEvent]:
    """Have every hook of the app note what it is told."""
    events: list[JobEvent] = []
    for name in ABOUT_JOBS:
        stage.app.on(name)(events.append)  # type: ignore[call-overload]
    return events


async def told(events: list[JobEvent], *names: str) -> None:
    """Wait until hooks of these names were called, in this order."""
    await wait_until(lambda: len(events) >= len(names), description=f"hooks: {names}")
    assert [event.name for event in events] == list(names)


async def test_a_success(stage: Stage) -> None:
    """``start`` as the handler starts, ``success`` with its duration when Redis has the outcome."""
    events, release = note_all(stage), asyncio.Event()

    @stage.app.job(tags=["a"], metadata={"trace": 7}, timeout=60)
    async def work() -> None:
        assert [event.name for event in events] == ["start"]
        stage.log.append("began")
        await release.wait()

    job = await work.enqueue()
    async with stage.app.worker():
        await stage.logged(1)
        await told(events, "start")
        release.set()
        await told(events, "start", "success")
    start, success = events
    [row] = await stage.rows(job.id)
    waited = row.started_us / 1e6 - row.ready_ms / 1e3
    assert start.wait == pytest.approx(waited, abs=0.01)
    assert success.wait == pytest.approx(waited, abs=0.001)
    assert start.duration is None
    ran = (row.finished_us - row.started_us) / 1e6
    assert success.duration == pytest.approx(ran, abs=1e-4)
    for event in events:
        assert (event.job.id, event.job.attempt, event.job.queue) == (job.id, 1, "default")
        assert (event.job.tags, event.job.metadata) == (("a",), {"trace": 7})
        assert event.job.deadline is not None


async def test_failures(stage: Stage) -> None:
    """A failed attempt is told with its error, and then what follows: a retry, or death."""
    events = note_all(stage)

    @stage.app.job(retry=Retry(1, base=0.01, jitter="none"))
    async def work() -> None:
        raise LookupError(f"attempt {current_job().attempt}")

    await work.enqueue()
    async with stage.app.worker(), stage.app.scheduler():
        await told(events, "start", "failure", "retry", "start", "failure", "dead")
    for event in (events[1], events[2]):
        assert (event.error_type, event.error_message) == ("LookupError", "attempt 1")
        assert event.duration is not None
    assert [event.delay for event in events] == [None, None, 0.01, None, None, None]
    assert [event.reason for event in events] == [None] * 5 + ["retries_exhausted"]


async def test_cancelled(stage: Stage) -> None:
    """A running job that is cancelled is told as such, and as no failure."""
    events = note_all(stage)

    @stage.app.job()
    async def work() -> None:
        stage.log.append("began")
        await asyncio.Event().wait()

    job = await work.enqueue()
    async with stage.app.worker():
        await stage.logged(1)
        await job.cancel()
        await told(events, "start", "cancelled")


async def test_what_never_started(stage: Stage) -> None:
    """A job that can't start has no ``start``: its name is unknown, or its arguments don't fit."""
    events = note_all(stage)

    @stage.app.job()
    async def work(number: int) -> None:
        """Do nothing."""

    async with stage.app.worker():
        await stage.app.ref("unheard").enqueue()
        await stage.broker.enqueue("misfit", name="work")
        await told(events, "failure", "dead")
    assert events[1].reason == "mismatch"
    assert events[1].duration == 0.0


async def test_of_a_child(redis_url: str) -> None:
    """The hooks of a process handler are called in the worker."""
    async with stage_with(children.app, redis_url) as stage:
        events = note_all(stage)
        await children.fail.enqueue("kill")
        async with stage.app.worker():
            await told(events, "start", "failure", "dead")
    assert events[2].error_type == "jobqueue.ChildDied"


FAILS: dict[str, BaseException] = {
    "error": LookupError("broken hook"),
    "exit": SystemExit(3),
    "interrupt": KeyboardInterrupt(),
}


@pytest.mark.parametrize("kind", FAILS)
@pytest.mark.parametrize("form", ["plain", "async"])
async def test_a_failing_hook(
    stage: Stage, caplog: pytest.LogCaptureFixture, kind: str, form: str
) -> None:
    """It is logged with its name and harms nothing: other hooks are called, the job succeeds."""

    def plain(_event: Any) -> None:
        raise FAILS[kind]

    async def as_task(_event: Any) -> None:
        await asyncio.sleep(0)
        raise FAILS[kind]

    for name in HOOKS:
        stage.app.on(name)(plain if form == "plain" else as_task)  # type: ignore[call-overload]
    events = note_all(stage)

    @stage.app.job(retry=0)
    async def work(*, fails: bool) -> str:
        if fails:
            raise Permanent("no")
        return "done"

    good, bad = await work.enqueue(fails=False), await work.enqueue(fails=True)
    async with stage.app.worker(concurrency=1):
        assert await good.result(timeout=30) == "done"
        await stage.ended(bad.id)
        await wait_until(lambda: len(events) >= 5, description="five hooks are called")
    assert Counter(event.name for event in events) == {
        "start": 2, "success": 1, "failure": 1, "dead": 1,
    }  # fmt: skip
    failed = {r.__dict__["hook"] for r in caplog.records if r.message == "hook failed"}
    assert failed == {"start", "success", "failure", "dead", "health"}


async def test_a_hanging_hook(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """An async hook that never ends keeps no job waiting, and no worker from stopping."""
    caplog.set_level(logging.ERROR)

    @stage.app.on("success")
    async def hang(_event: JobEvent) -> None:
        stage.log.append("called")
        await asyncio.Event().wait()

    @stage.app.job()
    async def work(number: int) -> int:
        return number

    async with stage.app.worker(concurrency=1):
        for number in range(5):
            assert await (await work.enqueue(number)).result(timeout=30) == number
        await stage.logged(5)
    left = [task for task in asyncio.all_tasks() if "_awaited" in repr(task)]
    assert left == []


async def test_the_last_hooks_are_called(stage: Stage) -> None:
    """A worker that stops calls the hooks of the jobs that end in its grace, to their end."""

    def gone() -> bool:
        return not any("Reclaimer.run" in repr(task) for task in asyncio.all_tasks())

    @stage.app.on("success")
    async def note(event: JobEvent) -> None:
        await wait_until(gone, description="a worker whose other duties have ended")
        stage.log.append(event.name)

    release = asyncio.Event()

    @stage.app.job()
    async def work() -> None:
        stage.log.append("began")
        await release.wait()

    await work.enqueue()
    async with stage.app.worker() as worker:
        await stage.logged(1)
        worker.stop()
        release.set()
        await worker.wait()
    assert stage.log == ["began", "success"]


async def test_health(redis_url: str, proxy: Proxy) -> None:
    """``health`` is told None at the start, an error when Redis goes, None when it is back."""
    async with stage_on(redis_url, way=proxy.url) as stage:
        told: list[str | None] = []
        stage.app.on("health")(told.append)
        async with stage.app.worker():
            await wait_until(lambda: told == [None], description="all is well")
            proxy.close()
            await wait_until(lambda: len(told) == 2, description="Redis is away")
            assert told[1] is not None
            assert "Redis can't be reached" in told[1]
            proxy.open()
            await wait_until(lambda: told[2:] == [None], description="Redis is back")


async def test_health_of_a_busy_worker(redis_url: str, proxy: Proxy) -> None:
    """A worker whose slots are all taken says as well that Redis is back."""
    async with stage_on(redis_url, way=proxy.url, lease=2.0) as stage:
        told: list[str | None] = []
        stage.app.on("health")(told.append)
        hold = asyncio.Event()

        @stage.app.job()
        async def work() -> None:
            stage.log.append("began")
            await hold.wait()

        await work.enqueue()
        async with stage.app.worker(concurrency=1):
            await stage.logged(1)
            proxy.close()
            await wait_until(lambda: told[-1] is not None, description="Redis is away")
            proxy.open()
            await wait_until(lambda: told[-1] is None, description="Redis is back")
            assert stage.log == ["began"]
            hold.set()
