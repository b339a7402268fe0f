"""Cancelled while it starts, runs, ends or moves: one outcome, and everybody hears the same."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from jobqueue import Job, JobHandle, Limit, Retry, State, Unique, current_job
from tests.support.cancelling import attempt, declare, is_cancelled
from tests.support.keyspace import miscounted
from tests.support.stage import Stage, each_once, stage_on
from tests.support.waiting import wait_until

Declare = Callable[[Stage], Job[..., Any, Any]]


def quick_async(stage: Stage) -> Job[..., Any, Any]:
    """Declare a handler that lasts a few rounds of the loop."""

    @stage.app.job(retry=3)
    async def work(number: int) -> int:
        stage.log.append(number)
        for _ in range(10 * (number % 5)):
            await asyncio.sleep(0)
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


async def attempts(jobs: Sequence[JobHandle[Any]]) -> list[tuple[str, str | None]]:
    """Cancel jobs one after the other; return the id of each and the state it was in."""
    return [(job.id, await attempt(job)) for job in jobs]


@pytest.mark.parametrize("make", [quick_async, quick_thread, quick_failure])
async def test_at_the_same_moment(stage: Stage, redis_url: str, make: Declare) -> None:
    """Cancelled while they start, run and end: each job ends once, as everybody was told."""
    work = make(stage)
    worker, app = stage.app.worker, stage.app
    async with worker(concurrency=8), worker(concurrency=8), app.scheduler():
        jobs = await app.enqueue_many(work.prepare(number) for number in range(120))
        # Ten at a time: each has a connection of its own.
        groups = await asyncio.gather(*(attempts(jobs[first::10]) for first in range(10)))
        rows = await stage.ended(*(job.id for job in jobs), deadline=30)
    each_once(await stage.rows())
    outcomes = {row.job_id: row.outcome for row in rows}
    began = set(stage.log)
    states = dict(pair for group in groups for pair in group)
    for number, job in enumerate(jobs):
        before = states[job.id]
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


async def test_before_the_task_began(stage: Stage, redis_url: str) -> None:
    """The word may come before the delivery that it speaks of: the handler never starts."""
    work = declare(stage)
    async with stage.app.worker() as worker:
        await wait_until(lambda: worker._fetcher._sleep is not None, description="it waits")
        fetched = worker._fetcher._start

        def start(queue: str, deliveries: Any, clock_us: int) -> None:
            for delivery in deliveries:
                worker._listener._hear(delivery.token)
            fetched(queue, deliveries, clock_us)

        worker._fetcher._start = start
        job = await work.enqueue()
        await is_cancelled(stage, job)
    [row] = await stage.rows(job.id)
    assert (row.attempt, stage.log) == (0, [])
    assert miscounted(redis_url) == []


@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_while_the_worker_stops(redis_url: str, kind: str) -> None:
    """What is cancelled during the grace, or as it is handed back, does not run elsewhere."""
    hold = threading.Event()
    async with stage_on(redis_url, grace=600.0) as stage:

        @stage.app.job()
        async def on_loop() -> None:
            stage.log.append("began")
            await asyncio.Event().wait()

        @stage.app.job()
        def in_thread() -> None:
            stage.log.append("began")
            hold.wait()

        work: Job[..., Any, Any] = on_loop if kind == "async" else in_thread
        jobs = await stage.app.enqueue_many(work.prepare() for _ in range(6))
        async with stage.app.worker() as worker:
            await stage.logged(len(jobs))
            worker.stop()
            states = [await attempt(jobs[0]), await attempt(jobs[1])]
            worker.stop(now=True)  # the end of the grace
            await worker.wait()
            states += [await attempt(job) for job in jobs[2:4]]
        hold.set()
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
        assert await second.result(timeout=30) == "second"
        again = await locked.enqueue("first")
        assert again.status == "created"
