"""Which job a free slot takes."""

import asyncio
import random
from itertools import cycle
from typing import Any

import pytest

from jobqueue import Priority, current_job
from jobqueue.broker.messages import Fetched
from jobqueue.worker import tokens
from jobqueue.worker.requests import Requests
from tests.support.keyspace import miscounted
from tests.support.stage import Stage, noting
from tests.support.waiting import wait_until

from .conftest import SOON


async def test_one_slot_works_strictly_by_priority(stage: Stage, redis_url: str) -> None:
    """While a higher job waits no slot takes a lower one; among equals the first comes first."""

    @stage.app.job()
    async def note(rank: int, number: int) -> None:
        stage.log.append((rank, number))

    ranks = [number % 4 for number in range(40)]
    random.Random(7).shuffle(ranks)
    calls = {rank: note.options(priority=Priority(rank)) for rank in range(4)}
    await stage.app.enqueue_many(calls[r].prepare(r, n) for n, r in enumerate(ranks))
    async with stage.app.worker(concurrency=1):
        log = await stage.logged(40)
    assert log == sorted(log)
    assert miscounted(redis_url) == []


async def test_a_higher_job_that_comes_later_goes_first(stage: Stage) -> None:
    """The order is decided when a slot is free, not when jobs are enqueued."""

    @stage.app.job(priority="low")
    async def low(number: int) -> None:
        stage.log.append(number)
        if number == 2:
            await stage.app.ref("high").options(priority="high").enqueue()

    @stage.app.job()
    async def high() -> None:
        stage.log.append("high")

    await stage.app.enqueue_many(low.prepare(n) for n in range(6))
    async with stage.app.worker(concurrency=1):
        assert await stage.logged(7) == [0, 1, 2, "high", 3, 4, 5]


async def test_put_back_means_in_front(stage: Stage) -> None:
    """A job that was handed back goes before those of its priority, after those of a higher."""

    @stage.app.job()
    async def note(name: str) -> None:
        stage.log.append(name)

    call = note.options(job_id="back")
    await call.enqueue("back")
    await stage.broker.release(await stage.broker.take("other"), worker="other")
    await note.options(priority="low").enqueue("low")
    await note.enqueue("normal")
    await note.options(priority="high").enqueue("high")
    async with stage.app.worker(concurrency=1):
        assert await stage.logged(4) == ["high", "back", "normal", "low"]


async def test_queues_are_served_in_their_order(stage: Stage) -> None:
    """Slots go to the first queue as long as it has jobs, however many slots there are."""

    @stage.app.job()
    async def note(queue: str) -> None:
        stage.log.append(queue)

    for queue in ("c", "a", "b"):
        await stage.app.enqueue_many(note.options(queue=queue).prepare(queue) for _ in range(30))
    async with stage.app.worker(queues=["a", "b", "c"], concurrency=4):
        log = await stage.logged(90)
    assert log == sorted(log)


@pytest.mark.usefixtures("patient")
async def test_a_job_of_an_earlier_queue_comes_next(stage: Stage) -> None:
    """Also of a queue that had nothing for long: its token is looked for before each fetch."""

    @stage.app.job(queue="c")
    async def later(number: int) -> None:
        stage.log.append(number)
        if number in {2, 5}:
            await note.options(queue="a" if number == 2 else "b").enqueue()

    @stage.app.job()
    async def note() -> None:
        stage.log.append(current_job().queue)

    await stage.app.enqueue_many(later.prepare(n) for n in range(8))
    async with stage.app.worker(queues=["a", "b", "c"], concurrency=1):
        assert await stage.logged(10, deadline=SOON) == [0, 1, 2, "a", 3, 4, 5, "b", 6, 7]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("weight", [None, 1])
async def test_empty_queues_are_asked_once(stage: Stage, weight: int | None) -> None:
    """Jobs of the last of many queues cost no more fetches than if it were the only one."""
    names = [f"q{number}" for number in range(30)]
    note = noting(stage).options(queue=names[-1])
    queues = names if weight is None else dict.fromkeys(names, weight)
    await stage.app.enqueue_many(note.prepare(n) for n in range(400))
    async with stage.app.worker(queues=queues, concurrency=20) as worker:
        await stage.logged(400)
        fetches = worker._fetcher.fetches
    # Each queue at the start; then forty fetches of half of the slots, or some more of fewer.
    assert fetches <= 30 + 60


@pytest.mark.usefixtures("patient")
async def test_a_token_in_vain_costs_a_fetch(stage: Stage) -> None:
    """A worker that runs a job on its last life can't clear a token away, and asks its queue."""
    over, looks = asyncio.Event(), list[tuple[int, int]]()

    @stage.app.job(priority="critical")
    async def poisonous() -> None:
        await stage.app.enqueue_many(work.prepare(n) for n in range(60))
        await over.wait()

    @stage.app.job()
    async def work(number: int) -> None:
        wake = stage.broker.keys.wake("a")
        if number == 0:  # all slots are taken now: nobody waits for the token
            await stage.broker.redis("LPUSH", wake, 1)
        looks.append((worker._fetcher.fetches, await stage.broker.redis("LLEN", wake)))
        stage.log.append(number)

    await poisonous.enqueue()
    for _ in range(2):
        await stage.broker.take("dead")
        await stage.broker.crash("dead")
    async with stage.app.worker(queues=["a", "default"], concurrency=2) as worker:
        try:
            assert await stage.logged(60, deadline=SOON) == list(range(60))
        finally:
            over.set()
    assert {tokens for _, tokens in looks} == {1}, "it lay there all the time"
    assert looks[-1][0] - looks[0][0] <= 2 * 59 + 5  # a fetch from each for every job


@pytest.mark.usefixtures("patient")
async def test_queues_that_call_all_the_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """They get their turns, but the one behind them does, too."""
    made, note = Requests.fetch, noting(stage).options(queue="c")
    turn = cycle(stage.broker.keys.wake(queue) for queue in "ab")

    async def fetch(self: Requests, queue: str, *args: Any, **options: Any) -> Fetched:
        if queue == "c":
            for command in tokens.giving([next(turn)]):
                await stage.broker.redis(*command)
        return await made(self, queue, *args, **options)

    monkeypatch.setattr(Requests, "fetch", fetch)
    await stage.app.enqueue_many(note.prepare(n) for n in range(20))
    async with stage.app.worker(queues=["a", "b", "c"], concurrency=1):
        assert await stage.logged(20, deadline=SOON) == list(range(20))


@pytest.mark.usefixtures("patient")
async def test_all_are_due_behind_a_busy_queue(stage: Stage) -> None:
    """When it is time to ask all queues, one that is not reached is asked as soon as it is."""
    note, wake = noting(stage).options(queue="b"), stage.broker.keys.wake("b")

    @stage.app.job(queue="a")
    async def busy(number: int) -> None:
        if number == 3:  # the only slot is taken, so nobody looks before the token is gone
            await note.enqueue(number)
            await stage.broker.redis("DEL", wake)
            worker._fetcher._all_due = 0

    async with stage.app.worker(queues=["a", "b"], concurrency=1) as worker:
        await wait_until(lambda: worker._fetcher._empty == {"a", "b"}, description="a look at both")
        await stage.app.enqueue_many(busy.prepare(n) for n in range(10))
        assert await stage.logged(1, deadline=SOON) == [3]


async def test_a_lost_token_is_made_up_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue whose token a dead worker had is asked after a while, however busy we are."""
    monkeypatch.setattr(tokens, "BLOCK", 0.2)
    note, wake = noting(stage).options(queue="a"), stage.broker.keys.wake("a")

    @stage.app.job(queue="b")
    async def busy(number: int) -> None:
        if number == 10:  # the only slot is taken, so nobody looks before the token is gone
            await note.enqueue(number)
            await stage.broker.redis("DEL", wake)
        if not stage.log:
            await busy.enqueue(number + 1)

    async with stage.app.worker(queues=["a", "b"], concurrency=1):
        await busy.enqueue(0)
        assert await stage.logged(1) == [10]


async def test_empty_queues_hold_nobody_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """With many queues, most of them empty, a job in any of them starts at once."""
    monkeypatch.setattr(tokens, "BLOCK", 60)
    monkeypatch.setattr("jobqueue.broker.lanes.TIMEOUT", 60.0)
    queues = [f"q{number}" for number in range(12)]

    @stage.app.job()
    async def note(queue: str) -> None:
        stage.log.append(queue)

    async with stage.app.worker(queues=queues):
        for queue in reversed(queues):
            await note.options(queue=queue).enqueue(queue)
            # Far less than the minute after which a blocking read ends here.
            await stage.logged(12 - queues.index(queue), deadline=15.0)
    assert stage.log == queues[::-1]
