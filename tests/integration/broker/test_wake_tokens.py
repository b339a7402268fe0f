"""Tokens are for speed: whatever makes a job readable leaves one, and it is passed on."""

import asyncio

import pytest

from jobqueue.broker.servers import Server
from tests.support.broker import HOUR_MS, Broker


async def test_one_token(broker: Broker) -> None:
    """However many jobs come, one token lies there."""
    await broker.enqueue("a", "b")
    await broker.enqueue("c", priority=0)
    assert await broker.token() == 1


async def test_not_before_its_time(broker: Broker) -> None:
    """A job for later wakes no worker; it wakes a scheduler if it is the next one due."""
    due = broker.keys.wake_due(broker.queue)
    for id_, delay_ms, tokens in (("a", 60_000, 1), ("b", HOUR_MS, 0), ("c", 1000, 1)):
        await broker.redis("DEL", due)
        await broker.enqueue(id_, delay_ms=delay_ms)
        assert await broker.redis("LLEN", due) == tokens
    assert await broker.token() == 0


@pytest.mark.parametrize("how", ["promote", "release", "reclaim", "fire"])
async def test_readable_again(broker: Broker, how: str) -> None:
    """Whatever makes a job readable leaves a token when there is none."""
    if how == "promote":
        await broker.enqueue("a", delay_ms=HOUR_MS)
        await broker.mature("a")
        await broker.promote()
    elif how == "fire":
        await broker.run(broker.firing("nightly", await broker.now_ms()))
    else:
        await broker.enqueue("a")
        delivery = await broker.take()
        await broker.swallow()
        await (broker.release(delivery) if how == "release" else broker.crash())
    assert await broker.token() == 1


async def test_nothing_readable(broker: Broker) -> None:
    """What makes nothing readable leaves no token."""
    await broker.enqueue("a", "b")
    a, b = await broker.fetch()
    await broker.swallow()
    await broker.promote()
    await broker.finish(a)
    assert await broker.release(a) == "l"
    assert await broker.enqueue("b") == "x"
    await broker.renew()
    await broker.recover()
    await broker.crash(budget=1)
    assert await broker.finish(b) == "l"
    assert await broker.token() == 0


async def test_passed_on(broker: Broker) -> None:
    """A fetch that may have left jobs behind passes the token on; the last one keeps it."""
    await broker.enqueue("a", "b", "c")
    for slots, tokens in ((2, 1), (2, 0), (2, 0)):
        await broker.swallow()
        await broker.fetch("w1", slots)
        assert await broker.token() == tokens


async def test_a_fetch_that_leaves_nothing_calls_nobody(broker: Broker) -> None:
    """A token that lies there still is taken away, since it would call in vain."""
    await broker.enqueue("a", "b")
    assert len(await broker.fetch(slots=2)) == 2
    assert await broker.token() == 1  # there may be a third one
    assert await broker.fetch() == []
    assert await broker.token() == 0


async def test_a_worker_with_a_last_life_leaves_the_token(broker: Broker) -> None:
    """It can't say that nothing is left: poisonous jobs wait for others."""
    await broker.enqueue("a")
    assert len(await broker.fetch(alone=True)) == 1
    assert await broker.token() == 1


@pytest.mark.parametrize("others", [1, 3, 2500])
async def test_a_queue_that_comes_before(broker: Broker, others: int) -> None:
    """While one has a token nothing is taken here, and the own token stays."""
    await broker.enqueue("a")
    before = [f"{broker.keys.wake(broker.queue)}:{n}" for n in range(others)]
    await broker.redis("LPUSH", before[-1], 1)  # of this queue's slot, as on a cluster it must be
    called = await broker.run(broker.fetching(before=before))
    assert (called.status, called.deliveries) == ("called", [])
    assert await broker.token() == 1
    await broker.redis("DEL", before[-1])
    taken = await broker.run(broker.fetching(before=before))
    assert (taken.status, [d.id for d in taken.deliveries]) == ("ok", ["a"])


async def test_recover_passes_nothing_on(broker: Broker) -> None:
    """Recover touches no token: it reads nothing new."""
    await broker.enqueue("a", "b")
    await broker.take()
    assert await broker.token() == 1
    await broker.recover()
    assert await broker.token() == 1


async def test_stale_fetch_leaves_the_token(broker: Broker) -> None:
    """A fetch that delivers nothing, since it came late, takes no token away."""
    late = broker.fetching()
    await broker.fetch()
    await broker.enqueue("a")
    await broker.run(late)
    assert await broker.token() == 1


async def test_a_hundred_jobs_wake_everybody(broker: Broker) -> None:
    """Jobs that come at once wake one idle worker after the other, not only the first."""
    key, workers = broker.keys.wake(broker.queue), [f"w{n}" for n in range(10)]

    async def wait_and_fetch(worker: str) -> int:
        async with Server(broker.url).lane() as lane:
            await lane.command("BLPOP", key, 30, wait=30)
            return len((await lane.call(broker.fetching(worker, 10))).deliveries)

    waiting = [asyncio.create_task(wait_and_fetch(worker)) for worker in workers]
    await broker.enqueue(*(f"job-{n}" for n in range(100)))
    assert await asyncio.gather(*waiting) == [10] * 10
