"""Scripts that begin something are safe to stop before each of their writes.

A scene: something is set up, one call is stopped, then it is repeated as its owner
would. Afterwards every job runs to its end exactly once, and nothing is left behind.
"""

import pytest

from tests.support.broker import OVER, Broker
from tests.support.rules import limit
from tests.support.stopping import at_every_write, ends_once, stops


async def test_enqueue(broker: Broker) -> None:
    """A stopped enqueue, repeated, stores each job once."""

    async def play(writes: int) -> bool:
        call = broker.enqueuing("a", "b", "c")
        stopped = await stops(broker, call, writes)
        await broker.run(call)
        await ends_once(broker, "a", "b", "c")
        return stopped

    assert await at_every_write(broker, play) >= 7  # the three records are one write


async def test_enqueue_scheduled(broker: Broker) -> None:
    """A stopped enqueue of delayed jobs, repeated, loses none."""

    async def play(writes: int) -> bool:
        call = broker.enqueuing("a", "b", delay_ms=60_000)
        stopped = await stops(broker, call, writes)
        await broker.run(call)
        await broker.mature("a", "b")
        await ends_once(broker, "a", "b")
        return stopped

    assert await at_every_write(broker, play) >= 6  # the two records are one write


async def test_fetch(broker: Broker) -> None:
    """After a stopped fetch the worker recovers everything, delivered or half delivered."""

    async def play(writes: int) -> bool:
        await broker.enqueue("a", "b", "c")
        stopped = await stops(broker, broker.fetching("w1"), writes)
        held = await broker.recover("w1")
        assert len({d.token for d in held}) == len(held)
        await broker.finish(*held)
        await ends_once(broker, "a", "b", "c")
        return stopped

    assert await at_every_write(broker, play) >= 8


async def test_fetch_of_a_dying_worker(broker: Broker) -> None:
    """A worker that dies in a stopped fetch leaves nothing that only it could read."""

    async def play(writes: int) -> bool:
        await broker.enqueue("a", "b", "c")
        stopped = await stops(broker, broker.fetching("w1", lease_ms=OVER), writes)
        if await broker.lease("w1"):
            await broker.reclaim("w1")
        await ends_once(broker, "a", "b", "c")
        return stopped

    assert await at_every_write(broker, play) >= 8


async def test_fetch_that_keeps_back(broker: Broker) -> None:
    """A stopped fetch loses no job on its last life, whether it keeps it back or lets it in."""

    async def play(writes: int) -> bool:
        await broker.enqueue("a", "b")
        for worker in ("x", "y"):
            await broker.fetch(worker)
            await broker.crash(worker, budget=9)
        stopped = await stops(broker, broker.fetching("w1"), writes)
        held = await broker.recover("w1")
        stopped = await stops(broker, broker.fetching("w2"), writes) or stopped
        others = await broker.recover("w2")
        assert not {d.id for d in held} & {d.id for d in others}
        await broker.finish(*held)
        await broker.finish(*others, worker="w2")
        await ends_once(broker, "a", "b")
        return stopped

    assert await at_every_write(broker, play) >= 10


async def test_recover(broker: Broker) -> None:
    """A stopped recover, made again with a new number, gives the same deliveries."""

    async def play(writes: int) -> bool:
        await broker.enqueue("a", "b", "gone")
        await broker.fetch("w1")
        await broker.redis("DEL", broker.keys.job(broker.queue, "gone"))
        stopped = await stops(broker, broker.recovering("w1"), writes)
        await broker.finish(*await broker.recover("w1"))
        await ends_once(broker, "a", "b")
        return stopped

    assert await at_every_write(broker, play) >= 3


async def test_fetch_beside_a_stopped_one(broker: Broker) -> None:
    """What a stopped fetch had not taken out of its stream yet belongs to the next one alone."""

    async def play(writes: int) -> bool:
        await broker.enqueue("a", "b")
        await broker.enqueue("c", priority=3)
        await broker.enqueue("again")
        await broker.fail(await broker.take("x"), worker="x")
        await broker.promote()
        stopped = await stops(broker, broker.fetching("w1"), writes)
        others = await broker.fetch("w2")
        held = await broker.recover("w1")
        assert not {d.id for d in held} & {d.id for d in others}
        assert len(held) + len(others) == 4
        await broker.finish(*held)
        await broker.finish(*others, worker="w2")
        await ends_once(broker, "a", "b", "c", "again")
        return stopped

    assert await at_every_write(broker, play) >= 8


async def test_reclaim_and_a_late_finish(broker: Broker) -> None:
    """A worker that comes back to a stopped reclaim settles nothing that has gone back."""

    async def play(writes: int) -> bool:
        await broker.enqueue("a", "b")
        held = await broker.fetch("w1")
        expiry = await broker.lapse("w1")
        stopped = await stops(
            broker, broker.calls.reclaim(broker.queue, "w1", expiry, 100, 3), writes
        )
        others = await broker.fetch("w2")
        letters = await broker.finish(*held)
        kept = {d.id for d, letter in zip(held, letters, strict=True) if letter == "k"}
        assert not kept & {d.id for d in others}
        await broker.finish(*others, worker="w2")
        await broker.reclaim("w1")
        await ends_once(broker, "a", "b")
        return stopped

    assert await at_every_write(broker, play) >= 8


@pytest.mark.parametrize("limited", [False, True])
@pytest.mark.parametrize("after", ["recover", "fetch", "reclaim"])
async def test_fetch_and_cancel(broker: Broker, limited: bool, after: str) -> None:
    """A job that is cancelled while a stopped fetch has half of it ends once, and holds nothing."""

    async def play(writes: int) -> bool:
        if limited:
            await broker.declare(limit(1))
        await broker.enqueue("a")
        stopped = await stops(broker, broker.fetching("w1"), writes)
        before = await broker.cancel("a")
        if after == "recover":
            await broker.finish(*await broker.recover("w1"))
        elif after == "fetch":
            assert await broker.fetch("w2") == []
            await broker.finish(*await broker.recover("w1"))
        elif await broker.lease("w1"):
            await broker.crash("w1")
        await broker.enqueue("b")
        await broker.finish(*await broker.fetch("w3"), worker="w3")
        rows = [row for row in await broker.journal() if row.job_id == "a" and row.final]
        assert len(rows) == 1
        assert before in {"ready", "running"}
        await broker.recorded()
        assert not await broker.exists("a")
        assert not await broker.exists("b")
        return stopped

    assert await at_every_write(broker, play) >= 6


async def test_cancel_of_a_plain_job(broker: Broker) -> None:
    """A stopped cancel that nobody repeats leaves nothing of the job once it has run."""

    async def play(writes: int) -> bool:
        await broker.enqueue("a")
        stopped = await stops(broker, broker.calls.cancel(broker.queue, "a", ""), writes)
        await broker.drain()
        await broker.recorded()
        assert await broker.enqueue("a") == "c"
        await ends_once(broker, "a")
        return stopped

    assert await at_every_write(broker, play) >= 5


async def test_recorded_and_the_same_id(broker: Broker) -> None:
    """What is enqueued between a stopped recorded and its repetition is a new job, or none."""

    async def play(writes: int) -> bool:
        await broker.enqueue("a")
        await broker.drain()
        call = broker.calls.recorded(broker.queue, await broker.recording(), 1 << 30)
        stopped = await stops(broker, call, writes)
        letter = await broker.enqueue("a")
        await broker.run(call)
        assert len(await broker.drain()) == (letter == "c")
        await broker.recorded()
        assert not await broker.exists("a")
        return stopped

    assert await at_every_write(broker, play) >= 4
