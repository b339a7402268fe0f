"""Cancelling: each state has one outcome, whatever happens at the same moment."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobqueue import (
    Job,
    JobCancelled,
    JobConflict,
    JobHandle,
    JobNotFound,
    Limit,
    Retry,
    Snooze,
    State,
    Unique,
    current_job,
)
from tests.support import child_jobs as children
from tests.support.keyspace import miscounted
from tests.support.process_jobs import holding, is_held
from tests.support.stage import Stage, each_once, stage_on, stage_with
from tests.support.waiting import wait_until


async def is_cancelled(stage: Stage, job: JobHandle[Any], why: str | None = None) -> None:
    """Assert that a job has ended as cancelled, once, and that its waiter hears it."""
    [row] = await stage.ended(job.id)
    assert (row.outcome, row.reason, row.error_message) == ("cancelled", "cancelled", why)
    with pytest.raises(JobCancelled):
        await job.result(timeout=5)
    each_once(await stage.rows(job.id))


async def is_blocked(stage: Stage, job_id: str) -> bool:
    """Say whether a job waits for a lock or a limit."""
    return (await stage.app.find(job_id))[0].state is State.BLOCKED


def declare(stage: Stage) -> Job[..., Any, Any]:
    """Declare a handler that notes its runs."""

    @stage.app.job(limit=Limit(1))
    async def work() -> None:
        stage.log.append("began")

    return work


@pytest.mark.parametrize("state", ["ready", "scheduled", "blocked by a lock", "blocked by a limit"])
async def test_what_waits_never_runs(stage: Stage, state: str) -> None:
    """A job that waits ends at once, with a row that has no run; no worker starts it."""
    work = declare(stage)
    hold = asyncio.Event()

    @stage.app.job(limit=Limit(1))
    async def other() -> None:
        stage.log.append("other")
        await hold.wait()

    before = State(state.partition(" ")[0])
    if state == "scheduled":
        job = await work.options(delay=60).enqueue()
    elif state == "blocked by a lock":
        await other.options(lock="k").enqueue()
        job = await work.options(lock="k").enqueue()
        assert job.status == "blocked"
    elif state == "blocked by a limit":
        await other.enqueue()
        job = await other.enqueue()
    else:
        job = await work.enqueue()
    async with stage.app.worker() if "limit" in state else stage.app.scheduler():
        if "limit" in state:
            await stage.logged(1)
            await wait_until(lambda: is_blocked(stage, job.id), description="it stands aside")
        assert await stage.app.cancel(job.id, reason="changed my mind") is before
    hold.set()
    await is_cancelled(stage, job, "changed my mind")
    [row] = await stage.rows(job.id)
    assert (row.attempt, row.started_us, row.worker) == (0, 0, "")
    async with stage.app.worker(), stage.app.scheduler():
        last = await work.enqueue()
        await stage.ended(last.id)
    assert stage.log.count("began") == 1


@pytest.mark.parametrize("state", ["retrying", "scheduled"])
async def test_what_waits_for_another_attempt(stage: Stage, state: str) -> None:
    """A job between two attempts, or asleep, does not run again."""

    @stage.app.job(retry=Retry(5, base=60))
    async def work() -> None:
        raise Snooze(60) if state == "scheduled" else LookupError("no")

    job = await work.enqueue()
    async with stage.app.worker():
        await stage.reaches(job.id, state)
        assert await job.cancel("enough") == state
    await is_cancelled(stage, job, "enough")


@pytest.mark.parametrize("lingers", [False, True])
async def test_an_async_handler(stage: Stage, *, lingers: bool) -> None:
    """It is cancelled, and may take its time to clean up; it ran, and its row says why it ended."""

    @stage.app.job(retry=5)
    async def work() -> None:
        stage.log.append("began")
        try:
            await asyncio.Event().wait()
        finally:
            if lingers:
                await asyncio.to_thread(lambda: None)
            assert current_job().cancelled
            stage.log.append("cleaned up")

    job = await work.enqueue()
    async with stage.app.worker() as worker:
        await stage.logged(1)
        assert await stage.app.cancel(job.id, reason="too slow") is State.RUNNING
        await is_cancelled(stage, job, "too slow")
        await wait_until(lambda: not worker._pool.owned, description="nothing is held")
    [row] = await stage.rows(job.id)
    assert (row.attempt, row.started_us > 0) == (1, True)
    assert stage.log == ["began", "cleaned up"]


async def test_an_async_handler_that_ignores_it(stage: Stage) -> None:
    """One that goes on to its end keeps its result: the work was done."""
    go_on = asyncio.Event()

    @stage.app.job(retry=5)
    async def work() -> str:
        stage.log.append("began")
        for _ in range(2):
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                stage.log.append("ignored")
                go_on.set()
        return "done"

    job = await work.enqueue()
    async with stage.app.worker():
        await stage.logged(1)
        assert await job.cancel() is State.RUNNING
        assert await job.result(timeout=5) == "done"
    assert stage.log == ["began", "ignored"]


@pytest.mark.parametrize("answers", ["returns", "raises"])
async def test_a_thread_that_looks(stage: Stage, answers: str) -> None:
    """A thread that has seen that it is cancelled ends as cancelled, however it ends."""

    @stage.app.job(retry=5)
    def work() -> str:
        stage.log.append("began")
        while not current_job().cancelled:
            threading.Event().wait(0.01)
        if answers == "raises":
            raise LookupError("stopped")
        return "half done"

    job = await work.enqueue()
    async with stage.app.worker():
        await stage.logged(1)
        assert await job.cancel("stop") is State.RUNNING
        await is_cancelled(stage, job, "stop")


@pytest.mark.parametrize("fails", [False, True])
async def test_a_thread_that_does_not_look(stage: Stage, *, fails: bool) -> None:
    """It keeps its slot until it returns; a result counts, a failure is not tried again."""
    hold = threading.Event()

    @stage.app.job(retry=5)
    def work() -> str:
        stage.log.append("began")
        hold.wait()
        if fails:
            raise LookupError("by itself")
        return "done"

    job = await work.enqueue()
    async with stage.app.worker(concurrency=1) as worker:
        await stage.logged(1)
        assert await job.cancel() is State.RUNNING
        await wait_until(lambda: told(worker), description="the worker has heard of it")
        assert worker._pool.free == 0
        hold.set()
        if fails:
            await is_cancelled(stage, job)
        else:
            assert await job.result(timeout=5) == "done"


def told(worker: Any) -> bool:
    """Say whether a worker has heard that all it works on is cancelled."""
    return all(held.cancelling for held in worker._pool.working.values())


async def test_a_job_that_waits_for_a_thread(redis_url: str) -> None:
    """A job that has a slot but no thread yet never starts."""
    async with stage_on(redis_url, threads=1) as stage:
        hold = threading.Event()

        @stage.app.job()
        def work(name: str) -> None:
            stage.log.append(name)
            hold.wait()

        @stage.app.job()
        async def other() -> None:
            """Without it the worker would take no more jobs than it has threads."""

        await work.enqueue("first")
        async with stage.app.worker() as worker:
            await stage.logged(1)
            job = await work.enqueue("second")
            await wait_until(lambda: len(worker._pool.working) == 2, description="it waits")
            await job.cancel("not now")
            await is_cancelled(stage, job, "not now")
            hold.set()
            await stage.ended((await work.enqueue("third")).id)
        [row] = await stage.rows(job.id)
        assert (row.attempt, row.started_us) == (0, 0)
        assert stage.log == ["first", "third"]


async def test_a_child(redis_url: str, tmp_path: Path) -> None:
    """A child process is killed, and its slot is free when it is gone."""
    async with stage_with(children.app, redis_url) as stage:
        path = tmp_path / "lock"
        job = await children.hang.enqueue(str(path))
        async with stage.app.worker(concurrency=1):
            await wait_until(lambda: holding(path), description="it runs")
            assert await job.cancel("kill it") is State.RUNNING
            await is_cancelled(stage, job, "kill it")
            assert not is_held(path)
            assert await (await children.alive.enqueue()).result(timeout=30) == "alive"


async def test_what_has_ended(stage: Stage) -> None:
    """A job that has ended can't be cancelled; a second one too."""
    work = declare(stage)

    @stage.app.job(retry=0)
    async def fail() -> None:
        raise LookupError("no")

    async with stage.app.worker():
        done, dead = await work.enqueue(), await fail.enqueue()
        await stage.ended(done.id, dead.id)
        for job, state in ((done, "succeeded"), (dead, "dead")):
            with pytest.raises(JobConflict, match=state):
                await stage.app.cancel(job.id)
            with pytest.raises(JobConflict, match=state):
                await job.cancel()
    waiting = await work.options(delay=60).enqueue()
    assert await waiting.cancel() is State.SCHEDULED
    for again in (waiting.cancel(), stage.app.cancel(waiting.id)):
        with pytest.raises(JobConflict, match="cancelled"):
            await again
    assert len(await stage.rows(waiting.id)) == 1
    with pytest.raises(JobNotFound):
        await stage.app.cancel("nothing")


async def test_both_forms(stage: Stage) -> None:
    """Programs without an event loop cancel through the app and through the handle."""
    work = declare(stage)
    jobs = [await work.options(delay=60).enqueue() for _ in range(2)]
    assert await asyncio.to_thread(stage.app.cancel_sync, jobs[0].id, reason="a") == "scheduled"
    assert await asyncio.to_thread(jobs[1].cancel_sync, "b") == "scheduled"
    rows = await stage.ended(*(job.id for job in jobs))
    assert [row.error_message for row in rows] == ["a", "b"]


Declare = Callable[[Stage], Job[..., Any, Any]]


def quick_async(stage: Stage) -> Job[..., Any, Any]:
    """Declare a handler that lasts a few rounds of the loop."""

    @stage.app.job(retry=3)
    async def work(number: int) -> int:
        stage.log.append(number)
        for _ in range(number % 5):
            await asyncio.sleep(0.001)
        return number

    return work


def quick_thread(stage: Stage) -> Job[..., Any, Any]:
    """Declare a handler that lasts a moment, and looks at its end."""

    @stage.app.job(retry=3)
    def work(number: int) -> int:
        stage.log.append(number)
        threading.Event().wait(number % 5 / 1000)
        if number % 2 and current_job().cancelled:
            raise LookupError("cancelled")
        return number

    return work


def quick_failure(stage: Stage) -> Job[..., Any, Any]:
    """Declare a handler that fails at once and is tried again at once."""

    @stage.app.job(retry=Retry(3, base=0))
    async def work(number: int) -> int:
        stage.log.append(number)
        await asyncio.sleep(0)
        raise LookupError("no")

    return work


@pytest.mark.parametrize("make", [quick_async, quick_thread, quick_failure])
async def test_at_the_same_moment(stage: Stage, redis_url: str, make: Declare) -> None:
    """Cancelled while they start, run and end: each job ends once, as everybody was told."""
    work = make(stage)
    worker, app = stage.app.worker, stage.app
    async with worker(concurrency=8), worker(concurrency=8), app.scheduler():
        jobs = await app.enqueue_many(work.prepare(number) for number in range(120))
        states = await asyncio.gather(*(attempt(job) for job in jobs))
        rows = await stage.ended(*(job.id for job in jobs), deadline=30)
    each_once(await stage.rows())
    outcomes = {row.job_id: row.outcome for row in rows}
    began = set(stage.log)
    for number, (job, before) in enumerate(zip(jobs, states, strict=True)):
        outcome = outcomes[job.id]
        if before in ("ready", "retrying", "scheduled", "blocked"):
            assert outcome == "cancelled"
        if before == "ready" and make is not quick_failure:
            assert number not in began
        if before in ("succeeded", "dead"):
            assert outcome == {"succeeded": "succeeded", "dead": "failed"}[before]
        if outcome == "cancelled":
            assert before not in ("succeeded", "dead", None)
    assert miscounted(redis_url) == []


async def attempt(job: JobHandle[Any]) -> str | None:
    """Cancel a job; return the state it was in."""
    try:
        return await job.cancel()
    except JobConflict as conflict:
        return str(conflict.state)


async def test_before_the_task_began(stage: Stage, redis_url: str) -> None:
    """The word may come before the delivery that it speaks of: the handler never starts."""
    work = declare(stage)
    async with stage.app.worker() as worker:
        await wait_until(lambda: worker._fetcher._token is not None, description="it waits")
        fetched = worker._fetcher._start

        def start(queue: str, delivery: Any, clock_us: int) -> None:
            worker._listener._hear(delivery.token)
            fetched(queue, delivery, clock_us)

        worker._fetcher._start = start
        job = await work.enqueue()
        await is_cancelled(stage, job)
    [row] = await stage.rows(job.id)
    assert (row.attempt, stage.log) == (0, [])
    assert miscounted(redis_url) == []


@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_while_the_worker_stops(redis_url: str, kind: str) -> None:
    """What is cancelled during the grace, or as it is handed back, does not run elsewhere."""
    async with stage_on(redis_url, grace=0.3) as stage:

        @stage.app.job()
        async def on_loop() -> None:
            stage.log.append("began")
            await asyncio.Event().wait()

        @stage.app.job()
        def in_thread() -> None:
            stage.log.append("began")
            current_job().shutting_down.wait()
            threading.Event().wait(1.0)

        work: Job[..., Any, Any] = on_loop if kind == "async" else in_thread
        jobs = await stage.app.enqueue_many(work.prepare() for _ in range(6))
        async with stage.app.worker() as worker:
            await stage.logged(len(jobs))
            worker.stop()
            states = [await attempt(jobs[0]), await attempt(jobs[1])]
            await worker.wait()
            states += [await attempt(job) for job in jobs[2:4]]
        assert states == ["running", "running", "ready", "ready"]
        rows = await stage.ended(*(job.id for job in jobs[:4]))
        assert {row.outcome for row in rows} == {"cancelled"}
        for job in jobs[4:]:
            assert await stage.outcomes(job.id) == ["released"]
        assert miscounted(redis_url) == []


async def test_its_worker_dies(redis_url: str) -> None:
    """A cancelled job whose worker dies before it hears of it does not run elsewhere."""
    async with stage_on(redis_url, lease=2.0) as stage:
        work = declare(stage)
        job = await work.enqueue()
        await stage.broker.take("doomed")
        assert await job.cancel("gone") is State.RUNNING
        await stage.broker.crash("doomed")
        [row] = await stage.ended(job.id)
        assert row.outcome == "cancelled"
        async with stage.app.worker():
            await stage.ended((await work.enqueue()).id)
        assert stage.log == ["began"]


async def test_what_it_held_is_free(stage: Stage) -> None:
    """Lock, limit and unique key of a cancelled job go to the next one at once."""

    @stage.app.job(limit=Limit(1), unique=Unique())
    async def work(name: str) -> str:
        stage.log.append(name)
        if name == "first":
            await asyncio.Event().wait()
        return name

    locked = work.options(lock="k")
    first = await locked.enqueue("first")
    second = await locked.enqueue("second")
    async with stage.app.worker():
        await stage.logged(1)
        await first.cancel()
        assert await second.result(timeout=5) == "second"
        again = await locked.enqueue("first")
        assert again.status == "created"
