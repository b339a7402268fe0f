"""A queue may bound what waits in it; a refused job leaves nothing behind."""

import pytest

from jobqueue.domain.jobs import Asks
from tests.support.broker import HOUR_MS, Broker
from tests.support.rules import depth, limit
from tests.support.ways import WAITS, Way, running


async def test_full(broker: Broker) -> None:
    """Jobs come in until the bound; a batch says which; a fetch makes room."""
    await broker.set_rule(depth(3))
    assert await broker.enqueue("a", "b") == "cc"
    assert await broker.enqueue("c", "d", "e") == "cff"
    assert not await broker.exists("d")
    held = await broker.fetch(slots=1)
    assert await broker.enqueue("d", "e") == "cf"
    await broker.release(*held)
    assert await broker.enqueue("e") == "f"
    assert await broker.drain() == ["a", "b", "c", "d"]


async def test_what_counts(broker: Broker) -> None:
    """Ready and blocked jobs count, of all names; scheduled, retrying and running ones do not."""
    await broker.set_rule(depth(2))
    await broker.enqueue("runs", "fails")
    held = await broker.fetch()
    await broker.fail(held[1], HOUR_MS)
    await broker.enqueue("later", delay_ms=HOUR_MS)
    assert await broker.enqueue("a", name="x", asks=Asks(lock="l")) == "c"
    assert await broker.enqueue("b", asks=Asks(lock="l")) == "b\na"
    assert await broker.enqueue("c") == "f"
    assert await broker.enqueue("d", delay_ms=HOUR_MS) == "c"
    assert await broker.enqueue("e", delay_ms=0) == "f"


async def test_parked_count(broker: Broker) -> None:
    """Jobs that wait for a limit wait in the queue."""
    await broker.declare(limit(0), depth(2))
    await broker.enqueue("a", "b")
    assert await broker.fetch() == []
    assert await broker.enqueue("c") == "f"


async def test_refused_takes_nothing(broker: Broker) -> None:
    """A refused job has no key, no lock, no place in a line and no time to expire."""
    await broker.set_rule(depth(0))
    asks = Asks(unique="k", idem="i", print="p", keep=1, lock="l", expires=HOUR_MS)
    assert await broker.enqueue("a", asks=asks) == "f"
    parts = ("unique:k", "idem:i", "lock:l", "waiting:l", "expiring", "job:a")
    keys = [broker.keys.scope(broker.queue, part) for part in parts]
    assert await broker.redis("EXISTS", *keys) == 0


async def test_duplicates_are_still_found(broker: Broker) -> None:
    """A full queue answers for a job that it has: the caller need not try again."""
    unique = Asks(unique="k", conflict="return", idem="i", print="p", keep=HOUR_MS)
    await broker.enqueue("a", asks=unique)
    await broker.set_rule(depth(1))
    assert await broker.enqueue("a") == "x"
    assert await broker.enqueue("b", asks=unique) == "d\na"
    assert await broker.enqueue("b", asks=Asks(unique="k")) == "u\na"


@pytest.mark.parametrize("way", [*WAITS.values(), running], ids=lambda way: way.__name__)
async def test_replace(broker: Broker, way: Way) -> None:
    """Replacing a job that counts needs no more room; one that does not count needs it."""
    await broker.enqueue("a", asks=Asks(unique="k"))
    await way(broker, "a")
    counts = await broker.counts()
    waiting = counts.get("ready:job", 0) + counts.get("blocked:job", 0)
    await broker.set_rule(depth(waiting))
    letters = await broker.enqueue("b", asks=Asks(unique="k", conflict="replace"))
    assert letters == ("u\na" if way is running else "r\na" if waiting else "f")
    assert (await broker.value("unique:k")) == ("b" if letters[0] == "r" else "a")


async def test_taken_back(broker: Broker) -> None:
    """Without the bound everything comes in again."""
    await broker.set_rule(depth(0))
    assert await broker.enqueue("a") == "f"
    assert await broker.set_rule(depth(None)) == {}
    assert await broker.enqueue("a") == "c"
    assert (await broker.promote()).count == 0


async def test_redriven_and_fired(broker: Broker) -> None:
    """What an operator or a schedule adds is never refused: it would be lost."""
    await broker.enqueue("a")
    dead = await broker.take()
    await broker.finish(dead, state="dead")
    await broker.set_rule(depth(0))
    assert await broker.redrive(dead) == "redriven"
    assert await broker.run(broker.firing("s", await broker.now_ms())) == "fired"
