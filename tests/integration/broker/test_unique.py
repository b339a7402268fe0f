"""A unique key is taken by one job at a time, and freed only while it names that job."""

import asyncio

import pytest

from jobqueue.broker.servers import Server
from jobqueue.domain.jobs import Asks
from tests.support.broker import HOUR_MS, Broker, ids
from tests.support.ways import ENDS, LIVES, WAITS, Way, running

KEY = Asks(unique="k")
ODD = ["with space", "ключ", "=", "a=b:c{d}", "'\"\\", "😀", "%s", " lead", "x" * 200]


@pytest.mark.parametrize("way", [*WAITS.values(), running], ids=lambda way: way.__name__)
async def test_taken(broker: Broker, way: Way) -> None:
    """In whatever way the first job waits, or runs, another one with its key is refused."""
    assert await broker.enqueue("a", asks=KEY) == "c"
    await way(broker, "a")
    assert await broker.enqueue("b", asks=KEY) == "u\na"
    assert await broker.enqueue("c", asks=Asks(unique="k", conflict="return")) == "d\na"
    assert not await broker.exists("b")
    assert await broker.enqueue("d", asks=Asks(unique="other")) == "c"


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
async def test_freed(broker: Broker, end: Way) -> None:
    """However a job ends, its key is free at once, and the end frees nobody else's."""
    await broker.enqueue("a", asks=KEY)
    await end(broker, "a")
    assert await broker.value("unique:k") is None
    assert await broker.enqueue("b", asks=KEY) == "c"
    await broker.recorded()
    assert await broker.value("unique:k") == "b"


async def test_scheduled_and_blocked(broker: Broker) -> None:
    """A job that waits for its time, or for a lock, has its key; cancelled it has not."""
    await broker.enqueue("holder", asks=Asks(lock="l"))
    await broker.enqueue("later", asks=KEY, delay_ms=HOUR_MS)
    await broker.enqueue("blocked", asks=Asks(unique="k2", lock="l"))
    for id_, key in (("later", "k"), ("blocked", "k2")):
        asks = Asks(unique=key)
        assert await broker.enqueue("x", asks=asks) == f"u\n{id_}"
        await broker.cancel(id_)
        assert await broker.enqueue(f"after-{id_}", asks=asks) == "c"


@pytest.mark.parametrize("way", WAITS.values(), ids=WAITS)
async def test_replace(broker: Broker, way: Way) -> None:
    """A job that waits is replaced: it ends by a row of its own and never runs again."""
    await broker.enqueue("a", asks=KEY)
    await broker.watch("a")
    await way(broker, "a")
    asks = Asks(unique="k", conflict="replace")
    assert await broker.enqueue("b", asks=asks) == "r\na"
    assert (await broker.state("a"))["state"] == "cancelled"
    row = (await broker.journal())[-1]
    assert (row.job_id, row.outcome, row.final) == ("a", "cancelled", True)
    assert row.attempt == LIVES[way.__name__][1]
    assert (row.reason, row.error_message) == ("replaced", "replaced by b")
    assert await broker.redis("LLEN", broker.keys.inbox(broker.queue, "client")) == 1
    assert await broker.value("unique:k") == "b"


async def test_replace_scheduled_and_blocked(broker: Broker) -> None:
    """Also one that waits for its time or for a lock; the line closes up."""
    replace = Asks(unique="k", conflict="replace", lock="l")
    await broker.enqueue("holder", asks=Asks(lock="l"))
    assert await broker.enqueue("a", asks=replace, delay_ms=HOUR_MS) == "c"
    assert await broker.enqueue("b", asks=replace) == "r\na"
    assert await broker.enqueue("c", asks=replace) == "r\nb"
    assert await broker.line("l") == ["holder", "c"]
    assert await broker.drain() == ["holder", "c"]


async def test_running_is_not_replaced(broker: Broker) -> None:
    """A job that runs rejects the new one, and goes on."""
    await broker.enqueue("a", asks=KEY)
    delivery = await broker.take()
    assert await broker.enqueue("b", asks=Asks(unique="k", conflict="replace")) == "u\na"
    assert await broker.finish(delivery) == "k"


async def test_until_started(broker: Broker) -> None:
    """Such a key is free from the first delivery on, and no later one takes it back."""
    asks = Asks(unique="k", start=True)
    await broker.enqueue("a", asks=asks)
    assert await broker.enqueue("b", asks=asks) == "u\na"
    first = await broker.take()
    assert await broker.enqueue("b", asks=asks) == "c"
    await broker.release(first)
    assert sorted(ids(await broker.fetch())) == ["a", "b"]
    assert await broker.enqueue("c", asks=asks) == "c"
    held = await broker.recover()
    await broker.fail(held[0])
    await broker.finish(held[1])
    assert await broker.value("unique:k") == "c"


async def test_stale_holder_frees_nothing(broker: Broker) -> None:
    """A worker that lost its job leaves the key to the job that has it now."""
    await broker.enqueue("a", asks=KEY)
    stale = await broker.take()
    await broker.crash(budget=1)
    await broker.enqueue("b", asks=KEY)
    assert await broker.finish(stale) == "l"
    assert await broker.value("unique:k") == "b"


async def test_ttl(broker: Broker) -> None:
    """A key with a time of its own outlives its job: only the time frees it."""
    asks = Asks(unique="k", ttl=HOUR_MS)
    await broker.enqueue("a", asks=asks)
    assert await broker.drain() == ["a"]
    for _ in range(2):
        assert await broker.enqueue("b", asks=asks) == "u\na"
        assert await broker.enqueue("b", asks=KEY) == "u\na"
        assert await broker.enqueue("b", asks=Asks(unique="k", ttl=5, conflict="replace")) == "u\na"
        await broker.recorded()
    assert await broker.enqueue("a", asks=asks) == "u\na", "the id is free, the key is not"
    await broker.redis("PEXPIRE", broker.keys.scope(broker.queue, "unique:k"), 0)
    assert await broker.enqueue("a", asks=asks) == "c"


async def test_ttl_that_ends_first(broker: Broker) -> None:
    """A job that outlives the time of its key has no key, and its end frees nobody's."""
    asks = Asks(unique="k", ttl=HOUR_MS)
    await broker.enqueue("a", asks=asks)
    await broker.redis("PEXPIRE", broker.keys.scope(broker.queue, "unique:k"), 0)
    assert await broker.enqueue("b", asks=asks) == "c"
    await broker.finish(await broker.take())
    assert await broker.value("unique:k") == "b"
    assert await broker.redis("PTTL", broker.keys.scope(broker.queue, "unique:k")) > 0


@pytest.mark.parametrize(
    ("conflict", "letters"), [(None, "cu\na"), ("return", "cd\na"), ("replace", "cr\na")]
)
async def test_twice_in_a_batch(broker: Broker, conflict: str | None, letters: str) -> None:
    """The second of two jobs in one call meets the first."""
    assert await broker.enqueue("a", "b", asks=Asks(unique="k", conflict=conflict)) == letters
    assert await broker.drain() == (["b"] if conflict == "replace" else ["a"])


async def test_many_at_once(broker: Broker) -> None:
    """Fifty producers with one key make one job."""

    async def produce(n: int) -> str:
        async with Server(broker.url).lane() as lane:
            return await lane.call(broker.enqueuing(f"job-{n}", asks=KEY, caller=f"p{n}"))

    letters = await asyncio.gather(*(produce(n) for n in range(50)))
    assert sorted(answer[0] for answer in letters) == ["c"] + ["u"] * 49
    assert len(await broker.drain()) == 1


async def test_taken_id(broker: Broker) -> None:
    """A job with a taken id leaves the first one's keys alone, and takes none."""
    await broker.enqueue("a", asks=KEY)
    assert await broker.enqueue("a", asks=Asks(unique="other", lock="l")) == "x"
    assert await broker.value("unique:other") is None
    assert await broker.value("unique:k") == "a"


@pytest.mark.parametrize("key", ODD)
async def test_odd_keys(broker: Broker, key: str) -> None:
    """A key may hold anything."""
    asks = Asks(unique=key)
    assert await broker.enqueue("a", asks=asks) == "c"
    assert await broker.enqueue("b", asks=asks) == "u\na"
    await broker.drain()
    assert await broker.enqueue("b", asks=asks) == "c"


@pytest.mark.parametrize("start", [None, True])
async def test_redrive(broker: Broker, start: bool | None) -> None:
    """A dead letter takes its key again, or stays where it is; its end frees the key."""
    asks = Asks(unique="k", start=start)
    await broker.enqueue("a", asks=asks)
    dead = await broker.take()
    await broker.finish(dead, state="dead")
    await broker.recorded()
    await broker.enqueue("b", asks=asks)
    assert await broker.redrive(dead, asks=asks) == "conflict"
    await broker.drain()
    assert await broker.redrive(dead, asks=asks) == "redriven"
    assert await broker.enqueue("c", asks=asks) == "u\na"
    again = await broker.take()
    assert (await broker.value("unique:k")) == (None if start else "a")
    await broker.finish(again)
    assert await broker.enqueue("c", asks=asks) == "c"


async def test_left_by_a_producer(broker: Broker) -> None:
    """A key whose job was never stored, since the script stopped, keeps nobody out."""
    await broker.redis("SET", broker.keys.scope(broker.queue, "unique:k"), "never")
    await broker.redis("SET", broker.keys.scope(broker.queue, "unique:t"), "never", "PX", HOUR_MS)
    assert await broker.enqueue("a", asks=KEY) == "c"
    assert await broker.enqueue("b", asks=Asks(unique="t", ttl=HOUR_MS)) == "c"
