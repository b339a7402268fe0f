"""Scripts that take or free keys, locks and slots are safe to stop before each of their writes.

See ``test_stops.py`` for how a scene goes. Each ends with every job run to its end once, and
with nobody holding or waiting for anything.
"""

import pytest
from msgspec.structs import replace

from jobqueue.domain.jobs import Asks
from tests.support import keyspace
from tests.support.broker import HOUR_MS, Broker, ids
from tests.support.rules import limit
from tests.support.stopping import ALL, KEYED, LOCK, all_over, at_every_write, stops
from tests.support.ways import WAITS, Way


async def test_enqueue(broker: Broker) -> None:
    """A stopped enqueue, repeated, stores each job once, with its keys."""

    async def play(writes: int) -> bool:
        await broker.declare(limit(1), KEYED)
        call = broker.enqueuing("a", asks=ALL)
        stopped = await stops(broker, call, writes)
        assert (await broker.run(call))[0] in "cx"
        assert await broker.enqueue("b", asks=LOCK) == "b\na"
        assert await broker.enqueue("c", asks=ALL) == "d\na"
        await all_over(broker, "a", "b")
        assert await broker.enqueue("c", asks=ALL) == "d\na"
        return stopped

    assert await at_every_write(broker, play) >= 7


async def test_enqueue_by_a_dying_producer(broker: Broker) -> None:
    """What a stopped enqueue took for a job that it did not store keeps nobody out."""

    async def play(writes: int) -> bool:
        stopped = await stops(broker, broker.enqueuing("a", asks=ALL), writes)
        stored = bool(await broker.redis("EXISTS", broker.keys.job(broker.queue, "a")))
        assert await broker.enqueue("b", asks=ALL) == ("d\na" if stored else "c")
        # What was noted for a job that is not there goes when it would expire.
        expiring = broker.keys.scope(broker.queue, "expiring")
        if not stored:
            await broker.redis("ZADD", expiring, "XX", 1, "a")
        await all_over(broker, "a" if stored else "b")
        return stopped

    assert await at_every_write(broker, play) >= 7


async def test_enqueue_into_a_line(broker: Broker) -> None:
    """Jobs stand once in a line, in their order, whether they are ready at once or later."""

    async def play(writes: int) -> bool:
        await broker.enqueue("head", asks=LOCK)
        call = broker.enqueuing("a", "b", asks=LOCK)
        stopped = await stops(broker, call, writes)
        await broker.run(call)
        await broker.finish(await broker.take())
        assert ids(await broker.fetch()) == ["a"]
        await broker.finish(*await broker.recover())
        await all_over(broker, "head", "a", "b")
        return stopped

    assert await at_every_write(broker, play) >= 5


async def test_enqueue_that_replaces(broker: Broker) -> None:
    """A stopped replacement, repeated, ends the old job by one row and stores the new one."""

    async def play(writes: int) -> bool:
        await broker.enqueue("head", asks=LOCK)
        await broker.enqueue("a", asks=Asks(unique="k", lock="l"))
        asks = Asks(unique="k", lock="l", conflict="replace")
        call = broker.enqueuing("b", asks=asks)
        stopped = await stops(broker, call, writes)
        await broker.run(call)
        await all_over(broker, "head", "a", "b")
        return stopped

    assert await at_every_write(broker, play) >= 8


async def test_promote(broker: Broker) -> None:
    """A stopped promotion, repeated, puts each job into its line once, or makes it ready."""

    async def play(writes: int) -> bool:
        await broker.enqueue("r", asks=LOCK)
        await broker.fail(await broker.take(), HOUR_MS)
        await broker.enqueue("a", "b", asks=LOCK, delay_ms=HOUR_MS)
        await broker.enqueue("gone", asks=Asks(lock="l", unique="k", expires=1), delay_ms=HOUR_MS)
        await broker.mature("r", "a", "b")
        stopped = await stops(broker, broker.calls.promote(broker.queue, 100), writes)
        early = await broker.fetch("w1")
        await broker.promote()
        late = await broker.fetch("w2")
        assert len(early) + len(late) == 1
        await broker.finish(*early, *late, worker="w1" if early else "w2")
        await all_over(broker, "r", "a", "b", "gone")
        return stopped

    assert await at_every_write(broker, play) >= 15


@pytest.mark.parametrize("retry", [False, True])
async def test_finish(broker: Broker, retry: bool) -> None:
    """A stopped finish frees all, once; the next in line runs, and never beside another."""

    async def play(writes: int) -> bool:
        await broker.declare(limit(1, "x"), names=["x"])
        await broker.enqueue("a", asks=replace(ALL, keys=None), name="x")
        await broker.enqueue("b", "c", asks=LOCK)
        await broker.enqueue("d", name="x")
        delivery = await broker.take("w1")
        await broker.fetch("w0")
        call = (
            broker.finishing(delivery, state="retrying", delay_ms=HOUR_MS)
            if retry
            else broker.finishing(delivery)
        )
        stopped = await stops(broker, call, writes)
        early = await broker.fetch("w2")
        await broker.run(call)
        late = await broker.fetch("w2")
        assert sorted(ids(early + late)) == ["b", "d"]
        await broker.finish(*early, *late, worker="w2")
        await all_over(broker, *"abcd")
        return stopped

    assert await at_every_write(broker, play) >= 12


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("way", WAITS.values(), ids=WAITS)
async def test_cancel(broker: Broker, way: Way, again: bool) -> None:
    """A stopped cancel, repeated, ends the job by one row; else it ends in some other way."""

    async def play(writes: int) -> bool:
        await broker.enqueue("a", asks=replace(ALL, keys=None))
        await way(broker, "a")
        await broker.enqueue("b", asks=LOCK)
        call = broker.calls.cancel(broker.queue, "a", "because")
        stopped = await stops(broker, call, writes)
        if again:
            await broker.run(call)
        else:
            await broker.recorded()
        await broker.set_rule(limit(None))
        await broker.promote()
        await broker.mature(*(["a"] if await broker.exists("a") else []))
        await broker.drain()
        final = {(row.job_id, row.id) for row in await broker.journal() if row.final}
        assert len([id_ for id_, _ in final if id_ == "b"]) == 1
        if again:
            assert len([id_ for id_, _ in final if id_ == "a"]) == 1
        await broker.recorded()
        assert not await broker.exists("a")
        keyspace.check(broker.url)
        return stopped

    assert await at_every_write(broker, play) >= 7


async def test_redrive(broker: Broker) -> None:
    """A stopped redrive, repeated, makes one new run with its keys."""

    async def play(writes: int) -> bool:
        await broker.enqueue("a", "b", asks=LOCK)
        await broker.enqueue("c", asks=Asks(unique="k", lock="l"))
        for _ in range(2):
            await broker.finish(await broker.take())
        dead = await broker.take()
        await broker.finish(dead, state="dead")
        await broker.recorded()
        await broker.enqueue("d", asks=LOCK)
        asks = Asks(unique="k", lock="l")
        call = broker.redriving(dead.token, "c", asks=asks)
        stopped = await stops(broker, call, writes)
        assert await broker.run(call) == "redriven"
        assert await broker.enqueue("e", asks=asks) == "u\nc"
        await all_over(broker, "c", "d")
        return stopped

    assert await at_every_write(broker, play) >= 6
