"""Scripts that hand slots on, or end what others left, are safe to stop before each write.

See ``test_stops.py`` for how a scene goes. Each ends with every job run to its end once, and
with nobody holding or waiting for anything.
"""

import pytest

from jobqueue.broker.messages import Delivery
from jobqueue.domain.jobs import Asks
from tests.support import keyspace
from tests.support.broker import HOUR_MS, Broker
from tests.support.rules import limit, rate
from tests.support.stopping import ALL, KEYED, LOCK, all_over, at_every_write, stops


async def one_of_three(broker: Broker) -> Delivery:
    """Let ``w1`` run "a", for whose lock "b" waits and for whose slot "c" does."""
    await broker.declare(limit(1))
    await broker.enqueue("a", asks=ALL)
    await broker.enqueue("b", asks=LOCK)
    await broker.enqueue("c")
    delivery = await broker.take("w1")
    await broker.fetch("w0")
    return delivery


async def nothing_is_left(broker: Broker) -> None:
    """Assert that the three are gone, with all that they held."""
    await broker.recorded()
    keyspace.check(broker.url)
    assert not [id_ for id_ in "abc" if await broker.exists(id_)]


@pytest.mark.parametrize("dies", [False, True])
async def test_fetch(broker: Broker, dies: bool) -> None:
    """After a stopped fetch nobody is above a limit for long, and no slot is lost."""

    async def play(writes: int) -> bool:
        await broker.declare(limit(1), KEYED, rate(1000))
        await broker.enqueue("a", asks=ALL)
        await broker.enqueue("b", asks=Asks(keys={KEYED.label: "x"}))
        await broker.enqueue("c")
        await broker.enqueue("gone", asks=Asks(expires=1, unique="u"))
        await broker.enqueue("late", asks=Asks(deadline=1, lock="l"))
        stopped = await stops(broker, broker.fetching("w1"), writes)
        held = await broker.recover("w1")
        if dies and await broker.lease("w1"):
            await broker.crash("w1")
        else:
            await broker.finish(*held)
        await all_over(broker, "a", "b", "c", "gone", "late")
        return stopped

    assert await at_every_write(broker, play) >= 20


async def test_finish_of_a_dying_worker(broker: Broker) -> None:
    """What a finish that is never repeated left half done is brought to its end by others."""

    async def play(writes: int) -> bool:
        delivery = await one_of_three(broker)
        stopped = await stops(broker, broker.finishing(delivery), writes)
        await broker.recorded()
        await broker.crash("w1")
        await broker.drain()
        await nothing_is_left(broker)
        return stopped

    assert await at_every_write(broker, play) >= 10


async def test_recorded(broker: Broker) -> None:
    """A recorder that brings a half finished job to its end may stop too."""

    async def play(writes: int) -> bool:
        delivery = await one_of_three(broker)
        assert await stops(broker, broker.finishing(delivery), 1)
        call = broker.calls.recorded(broker.queue, await broker.recording(), 1 << 30)
        stopped = await stops(broker, call, writes)
        await broker.run(call)
        await broker.crash("w1")
        assert sorted(await broker.drain()) == ["b", "c"]
        await nothing_is_left(broker)
        return stopped

    assert await at_every_write(broker, play) >= 10


@pytest.mark.parametrize("how", ["release", "crash", "last crash"])
async def test_back(broker: Broker, how: str) -> None:
    """A stopped release or reclaim keeps or frees the lock, and loses no slot."""

    async def play(writes: int) -> bool:
        delivery = await one_of_three(broker)
        if how == "release":
            call = broker.releasing(delivery)
        else:
            expiry = await broker.lapse("w1")
            budget = 1 if how == "last crash" else 3
            call = broker.calls.reclaim(broker.queue, "w1", expiry, 100, budget)  # type: ignore[assignment]
        stopped = await stops(broker, call, writes)
        await broker.run(call)
        await broker.crash("w1")
        await all_over(broker, "a", "b", "c")
        return stopped

    assert await at_every_write(broker, play) >= 7


@pytest.mark.parametrize("removed", [False, True])
async def test_refill(broker: Broker, removed: bool) -> None:
    """A stopped change of a rule, or refill, repeated, leaves nobody waiting."""

    async def play(writes: int) -> bool:
        await broker.declare(rate(1), KEYED)
        await broker.enqueue("a", "b", "c", asks=Asks(keys={KEYED.label: "x"}))
        await broker.finish(*await broker.fetch("w1"))
        await broker.fetch("w1")
        stopped = False
        if removed:
            call = broker.calls.declare(broker.queue, [], ["job"])
            stopped = await stops(broker, call, writes)
            await broker.run(call)
        else:
            await broker.age("rate:job:job", 60_001)
        stopped = await stops(broker, broker.calls.promote(broker.queue, 9), writes) or stopped
        for _ in range(3):
            await broker.drain()
            await broker.age("rate:job:job", 60_001)
        await all_over(broker, "a", "b", "c")
        return stopped

    assert await at_every_write(broker, play) >= 5


async def test_promote_of_every_kind(broker: Broker) -> None:
    """A stopped promotion of plain, locked and failed jobs, and of a limit, loses none."""

    async def play(writes: int) -> bool:
        await broker.declare(rate(1))
        await broker.enqueue("a", "b")
        await broker.finish(*await broker.fetch("w1"))
        await broker.fetch("w1")
        await broker.enqueue("retried", name="other")
        await broker.fail(await broker.take("w1"), HOUR_MS, worker="w1")
        await broker.enqueue("plain", "plainer", name="other", delay_ms=HOUR_MS)
        await broker.enqueue("locked", "line", name="other", asks=LOCK, delay_ms=HOUR_MS)
        await broker.mature("plain", "locked", "retried", "line", "plainer")
        await broker.age("rate:job:job", 60_001)
        stopped = await stops(broker, broker.calls.promote(broker.queue, 9), writes)
        for _ in range(3):
            await broker.drain()
            await broker.age("rate:job:job", 60_001)
        await all_over(broker, "a", "b", "retried", "plain", "plainer", "locked", "line")
        return stopped

    assert await at_every_write(broker, play) >= 15


async def test_rules(broker: Broker) -> None:
    """A stopped change of the rules, repeated, leaves nobody waiting for one that is gone."""

    async def play(writes: int) -> bool:
        await broker.declare(limit(0), limit(0, "x"))
        await broker.enqueue("a", "b")
        await broker.enqueue("c", name="x")
        await broker.fetch()
        call = broker.calls.declare(broker.queue, [], ["job", "x"])
        stopped = await stops(broker, call, writes)
        await broker.promote()
        await broker.run(call)
        await all_over(broker, "a", "b", "c")
        return stopped

    assert await at_every_write(broker, play) >= 3
