"""Jobs with one lock key stand in a line: its head alone is ready or runs, the others wait."""

import pytest

from jobqueue.domain.jobs import Asks
from tests.support.broker import HOUR_MS, Broker, ids
from tests.support.rules import limit
from tests.support.ways import ENDS, Way, retrying, snoozed

LOCK = Asks(lock="l")


async def test_line(broker: Broker) -> None:
    """One by one, in the order of arrival, whatever their names and priorities."""
    assert await broker.enqueue("a", asks=LOCK, name="x", priority=3) == "c"
    assert await broker.enqueue("b", asks=LOCK, name="y", priority=0) == "b\na"
    assert await broker.enqueue("c", "d", asks=LOCK) == "bb\na\na"
    for id_ in "abcd":
        [delivery] = await broker.fetch()
        assert delivery.id == id_
        assert await broker.counts() == await broker.counts() | {f"running:{delivery.name}": 1}
        await broker.finish(delivery)
    assert await broker.line("l") == []


async def test_other_keys(broker: Broker) -> None:
    """A line of a thousand on a busy key holds nobody else up, and costs a fetch nothing."""
    await broker.enqueue(*(f"l-{n}" for n in range(1000)), asks=LOCK)
    await broker.enqueue("other", asks=Asks(lock="m"))
    await broker.enqueue("plain")
    assert ids(await broker.fetch()) == ["l-0", "other", "plain"]
    assert await broker.length("ready:2") == 0


@pytest.mark.parametrize("end", [*ENDS.values(), retrying, snoozed], ids=lambda way: way.__name__)
async def test_handed_on(broker: Broker, end: Way) -> None:
    """However the head leaves its place, the next one has the lock and can be fetched at once."""
    await broker.enqueue("a", "b", "c", asks=LOCK)
    await broker.swallow()
    await end(broker, "a")
    assert await broker.line("l") == ["b", "c"]
    assert await broker.token() == 1
    assert (await broker.take()).id == "b"


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
async def test_last_one(broker: Broker, end: Way) -> None:
    """However the last one ends, nothing is left of the lock."""
    await broker.enqueue("a", asks=LOCK)
    await end(broker, "a")
    assert await broker.line("l") == []


@pytest.mark.parametrize("back", ["release", "crash"])
async def test_put_back_keeps_it(broker: Broker, back: str) -> None:
    """A job that is handed back, or taken back, keeps its place at the head of the line."""
    await broker.enqueue("a", "b", asks=LOCK)
    delivery = await broker.take()
    await (broker.release(delivery) if back == "release" else broker.crash())
    assert ids(await broker.fetch("w2")) == ["a"]
    assert await broker.line("l") == ["a", "b"]


async def test_stale_holder_frees_nothing(broker: Broker) -> None:
    """Neither a late finish of the job, nor its cancellation after its end, moves the line."""
    await broker.enqueue("a", "b", "c", asks=LOCK)
    stale = await broker.take()
    await broker.crash()
    fresh = await broker.take("w2")
    assert await broker.finish(stale) == "l"
    assert await broker.line("l") == ["a", "b", "c"]
    await broker.finish(fresh, worker="w2")
    assert await broker.finish(stale) == "l"
    assert await broker.cancel("a") == "succeeded"
    assert await broker.line("l") == ["b", "c"]


async def test_retry_joins_at_the_end(broker: Broker) -> None:
    """A job that waits for its next attempt has left the line; when it is due it joins again."""
    await broker.enqueue("a", "b", "c", asks=LOCK)
    await broker.fail(await broker.take(), HOUR_MS)
    await broker.mature("a")
    await broker.promote()
    assert (await broker.state("a"))["state"] == "blocked"
    assert await broker.line("l") == ["b", "c", "a"]
    assert await broker.drain() == ["b", "c", "a"]
    assert [row.attempt for row in await broker.journal() if row.job_id == "a"] == [1, 2]


async def test_scheduled_joins_when_due(broker: Broker) -> None:
    """A delayed job stands in no line before its time, and is not overtaken after it."""
    await broker.enqueue("later", asks=LOCK, delay_ms=HOUR_MS)
    await broker.enqueue("a", "b", asks=LOCK)
    assert await broker.line("l") == ["a", "b"]
    await broker.mature("later")
    await broker.promote()
    await broker.enqueue("c", asks=LOCK)
    assert await broker.drain() == ["a", "b", "later", "c"]


async def test_due_and_free(broker: Broker) -> None:
    """A delayed job whose lock is free takes it when it is due."""
    await broker.enqueue("a", "b", asks=LOCK, delay_ms=HOUR_MS)
    await broker.mature("a", "b")
    await broker.promote()
    assert await broker.line("l") == ["a", "b"]
    assert ids(await broker.fetch()) == ["a"]


@pytest.mark.parametrize("gone", ["b", "c", "d"])
async def test_cancelled_in_line(broker: Broker, gone: str) -> None:
    """The line closes up around a job that is cancelled; the others keep their order."""
    await broker.enqueue("a", "b", "c", "d", asks=LOCK)
    assert await broker.cancel(gone) == "blocked"
    assert await broker.drain() == [id_ for id_ in "abcd" if id_ != gone]


async def test_cancelled_and_enqueued_again(broker: Broker) -> None:
    """A cancelled id that comes again stands where it came again, also in another line."""
    await broker.enqueue("a", "b", "c", "d", asks=LOCK)
    await broker.cancel("b")
    await broker.cancel("c")
    await broker.recorded()
    assert await broker.enqueue("b", asks=LOCK) == "b\na"
    assert await broker.enqueue("c", asks=Asks(lock="m")) == "c"
    assert await broker.line("l") == ["a", "d", "b"]
    assert await broker.drain() == ["a", "d", "b", "c"]


async def test_expired_in_line(broker: Broker) -> None:
    """A job that expires in line leaves it."""
    await broker.enqueue("a", asks=LOCK)
    await broker.enqueue("b", asks=Asks(lock="l", expires=1))
    await broker.enqueue("c", asks=LOCK)
    await broker.promote()
    assert (await broker.state("b"))["state"] == "expired"
    assert await broker.drain() == ["a", "c"]


async def test_head_behind_a_limit(broker: Broker) -> None:
    """A head that a limit keeps waiting keeps its lock; cancelled, it hands it on."""
    await broker.declare(limit(1, "x"), names=["x"])
    await broker.enqueue("busy", name="x")
    await broker.enqueue("a", name="x", asks=LOCK)
    await broker.enqueue("b", asks=LOCK)
    held = await broker.fetch()
    assert ids(held) == ["busy"]
    assert await broker.parked("limit:job:x") == ["a"]
    assert await broker.line("l") == ["a", "b"]
    assert await broker.cancel("a") == "blocked"
    assert ids(await broker.fetch("w2")) == ["b"]


async def test_head_on_its_last_life(broker: Broker) -> None:
    """A head that is kept back for its crashes keeps its lock."""
    await broker.enqueue("a", "b", asks=LOCK)
    for _ in range(2):
        await broker.take()
        await broker.crash()
    assert await broker.fetch(alone=True) == []
    assert await broker.line("l") == ["a", "b"]
    assert ids(await broker.fetch()) == ["a"]


async def test_redrive(broker: Broker) -> None:
    """A dead letter joins the line at its end."""
    await broker.enqueue("a", "b", asks=LOCK)
    dead = await broker.take()
    await broker.finish(dead, state="dead")
    assert await broker.redrive(dead, asks=LOCK) == "redriven"
    assert await broker.line("l") == ["b", "a"]
    assert await broker.drain() == ["b", "a"]


async def test_fired(broker: Broker) -> None:
    """Occurrences of a schedule stand in the line of its lock."""
    now = await broker.now_ms()
    for n in (1, 2):
        await broker.run(broker.firing("s", now - 10 + n, id_=f"s-{n}", asks=LOCK))
    assert await broker.line("l") == ["s-1", "s-2"]
    assert await broker.drain() == ["s-1", "s-2"]


async def test_left_by_a_producer(broker: Broker) -> None:
    """A lock whose job was never stored, since the script stopped, stops nobody."""
    await broker.redis("SET", broker.key("lock:l"), "never")
    assert await broker.enqueue("a", "b", asks=LOCK) == "cb\na"
    assert await broker.drain() == ["a", "b"]


@pytest.mark.parametrize("key", ["with space", "ключ", "a=b:c{d}", "😀", "-", "l:x", "%d"])
async def test_odd_keys(broker: Broker, key: str) -> None:
    """A key may hold anything, and so may the ids in its line."""
    names = ["~a{}[]'\"%s", "-", "{default}", "(b"]
    await broker.enqueue(*names, asks=Asks(lock=key))
    assert await broker.drain() == names


async def test_many_workers(broker: Broker) -> None:
    """Eight keys, sixteen jobs each, four workers that die now and then: never two at once."""
    keys = [f"k{n}" for n in range(8)]
    for n in range(16):
        for key in keys:
            await broker.enqueue(f"{key}-{n:02}", asks=Asks(lock=key))
    ran: list[str] = []
    for turn in range(1000):
        held = [d for n in range(4) for d in await broker.fetch(f"w{turn}-{n}", 3)]
        if not held:
            break
        assert len({d.id[:2] for d in held}) == len(held)
        for n in range(4):
            await broker.crash(f"w{turn}-{n}", budget=99)
        for delivery in await broker.fetch(f"x{turn}", 6, budget=99):
            ran.append(delivery.id)
            await broker.finish(delivery, worker=f"x{turn}")
    assert len(ran) == 128
    for key in keys:
        assert [id_ for id_ in ran if id_.startswith(key)] == [f"{key}-{n:02}" for n in range(16)]
