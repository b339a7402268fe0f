"""Which queue a worker takes its next job from, and how many jobs of each it runs at once."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from jobqueue import Job, current_job
from tests.support.meter import Meter
from tests.support.stage import Stage, stage_on
from tests.support.waiting import wait_until

from .conftest import SOON

WEIGHTS = {"a": 6, "b": 3, "c": 1}


def noting(stage: Stage) -> Job[..., Any, Any]:
    """Declare a handler that notes its queue."""

    @stage.app.job()
    async def work() -> None:
        stage.log.append(current_job().queue)

    return work


async def fill(work: Job[..., Any, Any], stage: Stage, **numbers: int) -> None:
    """Enqueue so many jobs in each queue."""
    calls = {queue: work.options(queue=queue) for queue in numbers}
    await stage.app.enqueue_many(
        calls[queue].prepare() for queue, number in numbers.items() for _ in range(number)
    )


@pytest.mark.parametrize("concurrency", [1, 4, 30])
async def test_weights_under_backlog(stage: Stage, concurrency: int) -> None:
    """6:3:1 gives 60, 30 and 10 % of the starts, within 5 %, and starves none."""
    work = noting(stage)
    await fill(work, stage, a=1200, b=1200, c=1200)
    async with stage.app.worker(queues=WEIGHTS, concurrency=concurrency):
        await stage.logged(1000, deadline=60)
    first = stage.log[:1000]
    shares = Counter(first)
    for queue, share in {"a": 600, "b": 300, "c": 100}.items():
        assert abs(shares[queue] - share) <= 50, shares
    gaps = [place for place, queue in enumerate(first) if queue == "c"]
    assert max(after - before for before, after in pairwise(gaps)) <= 200


async def test_an_idle_queue_saves_nothing_up(stage: Stage) -> None:
    """A queue that had no jobs for long gets its share from then on, and no more."""
    work = noting(stage)
    await fill(work, stage, a=900)
    async with stage.app.worker(queues={"a": 1, "b": 1}, concurrency=1):
        await stage.logged(300, deadline=60)
        await fill(work, stage, b=600)
        await stage.logged(850, deadline=60)
    began = stage.log.index("b")
    shares = Counter(stage.log[began : began + 200])
    assert abs(shares["a"] - shares["b"]) <= 20, shares


@pytest.mark.parametrize("queues", [["a", "b", "c"], {"a": 1, "b": 9, "c": 1}, None])
async def test_every_queue_is_emptied(
    stage: Stage, queues: list[str] | Mapping[str, int] | None
) -> None:
    """Weights and order say who is first, never who gets nothing."""
    work = noting(stage)
    if queues is None:  # then those that handlers name
        for queue in "abc":
            stage.app.job(name=f"other_{queue}", queue=queue)(lambda: None)
    await fill(work, stage, a=3, b=3, c=3)
    async with stage.app.worker(queues=queues, concurrency=2):
        await stage.logged(9)
    assert Counter(stage.log) == {"a": 3, "b": 3, "c": 3}


@pytest.mark.usefixtures("patient")
async def test_most_of_them_empty(stage: Stage) -> None:
    """A job starts at once in whichever queue it comes: none waits on another's blocking read."""
    work = noting(stage)
    queues = [f"q{number}" for number in range(30)]
    async with stage.app.worker(queues=queues, concurrency=4):
        for number in (29, 0, 15, 29, 7, 3):
            job = await work.options(queue=queues[number]).enqueue()
            await job.result(timeout=SOON)


async def test_concurrency_of_a_queue(redis_url: str) -> None:
    """A bound of one queue is never exceeded, and is reached; the others have the rest."""
    async with stage_on(redis_url, queue_concurrency={"a": 2, "b": 1}) as stage:
        meter = Meter(10)

        @stage.app.job()
        async def work() -> None:
            await meter.run(current_job().queue)

        await fill(work, stage, a=100, b=50, c=200)
        async with stage.app.worker(queues=["a", "b", "c"], concurrency=10):
            await wait_until(lambda: meter.done == 350, description="all", deadline=60)
    assert (meter.most["a"], meter.most["b"]) == (2, 1)
    assert 2 <= meter.most["c"] <= 10


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("chosen", [["a", "b"], {"a": 5, "b": 1}])
async def test_a_bound_costs_no_sleep(
    redis_url: str, chosen: list[str] | Mapping[str, int]
) -> None:
    """When a job of a bounded queue ends the next one starts at once, whatever else goes on."""
    async with stage_on(redis_url, queue_concurrency={"a": 1}) as stage:
        meter = Meter()
        moments: list[float] = []

        @stage.app.job()
        async def work() -> None:
            if current_job().queue == "a":
                moments.append(time.monotonic())
            await meter.run(current_job().queue)

        await fill(work, stage, a=400)
        async with stage.app.worker(queues=chosen, concurrency=10):
            for _ in range(10):  # what comes and goes meanwhile
                await fill(work, stage, b=2)
                await wait_until(meter.moved, description="some have run")
            await wait_until(lambda: meter.done == 420, description="all", deadline=60)
    assert meter.most["a"] == 1
    pauses = [after - before for before, after in pairwise(moments)]
    assert max(pauses) < SOON, sorted(pauses)[-3:]


@pytest.mark.usefixtures("patient")
async def test_a_full_queue_leaves_the_slots(redis_url: str) -> None:
    """While a bounded queue has a backlog, jobs of another queue start at once."""
    async with stage_on(redis_url, queue_concurrency={"a": 1}) as stage:
        hold = asyncio.Event()

        @stage.app.job()
        async def stay() -> None:
            stage.log.append("stays")
            await hold.wait()

        @stage.app.job()
        async def quick() -> str:
            return "done"

        await stage.app.enqueue_many(stay.options(queue="a").prepare() for _ in range(20))
        async with stage.app.worker(queues=["a", "b"], concurrency=3):
            await stage.logged(1)
            for _ in range(5):
                job = await quick.options(queue="b").enqueue()
                assert await job.result(timeout=SOON) == "done"
            assert stage.log == ["stays"]
            hold.set()


async def test_one_bound_for_each_worker(redis_url: str) -> None:
    """The bound is that of a worker: two workers run twice as many."""
    async with stage_on(redis_url, queue_concurrency={"a": 1}) as stage:
        both = asyncio.Event()

        @stage.app.job()
        async def work() -> None:
            stage.log.append("began")
            await both.wait()

        await fill(work, stage, a=4)
        async with stage.app.worker(queues=["a"]), stage.app.worker(queues=["a"]):
            await stage.logged(2)
            assert len(stage.log) == 2
            both.set()
            await stage.logged(4)
