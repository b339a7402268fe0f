"""A concurrency limit bounds what runs at once; what waits for it stands aside, in order."""

import pytest

from jobqueue.broker.messages import Rule
from jobqueue.domain.jobs import Asks
from tests.support.broker import Broker, ids
from tests.support.rules import limit
from tests.support.ways import ENDS, WAITS, Way

SCOPE = "limit:job:job"
KEYED = limit(1, keyed=True)
ONE, TWO = (Asks(keys={KEYED.label: key}) for key in ("one", "two"))
GONE = {name: way for name, way in (ENDS | WAITS).items() if name not in {"ready", "parked"}}


@pytest.mark.parametrize("rule", [limit(2), limit(2, None)], ids=["name", "queue"])
async def test_never_more(broker: Broker, rule: Rule) -> None:
    """No more than n run at once, over all workers; each that ends makes room for one."""
    await broker.declare(rule)
    await broker.enqueue(*"abcdef")
    held = [await broker.take("w1"), await broker.take("w2")]
    assert ids(held) == ["a", "b"]
    assert await broker.fetch("w3") == []
    await broker.finish(held[0])
    assert ids(await broker.fetch("w3")) == ["c"]
    assert await broker.fetch("w3") == []
    assert await broker.drain() == []
    await broker.finish(held[1], worker="w2")
    await broker.crash("w3")
    assert sorted(await broker.drain()) == list("cdef")


async def test_other_names(broker: Broker) -> None:
    """A limit of one name holds up no other, whatever the order."""
    await broker.declare(limit(1, "x"), names=["x"])
    await broker.enqueue("a", "b", "c", name="x", priority=0)
    await broker.enqueue("d")
    assert ids(await broker.fetch(slots=2)) == ["a", "d"]


async def test_keys(broker: Broker) -> None:
    """A limit of a key counts each key apart; a job without one is not limited."""
    await broker.declare(KEYED)
    await broker.enqueue("a", "b", asks=ONE)
    await broker.enqueue("c", "d", asks=TWO)
    await broker.enqueue("e", "f")
    await broker.enqueue("g", asks=Asks(keys={"another": "one"}))
    held = await broker.fetch()
    assert ids(held) == ["a", "c", "e", "f", "g"]
    assert await broker.parked(f"{KEYED.label}=two") == ["d"]
    await broker.finish(held[1])
    assert ids(await broker.fetch()) == ["d"]


async def test_order(broker: Broker) -> None:
    """What waits comes by priority, then by arrival, and before what came later."""
    await broker.declare(limit(1))
    await broker.enqueue("first", priority=0)
    for priority in (3, 1, 2):
        await broker.enqueue(f"{priority}a", priority=priority)
        await broker.enqueue(f"{priority}b", priority=priority)
    assert ids(await broker.fetch()) == ["first"]
    await broker.enqueue("1c", priority=1)
    await broker.finish(*await broker.recover())
    assert await broker.drain() == ["1a", "1b", "1c", "2a", "2b", "3a", "3b"]


async def test_order_within_a_batch(broker: Broker) -> None:
    """Arrival is exact, also within a millisecond and for what was sent back to wait again."""
    await broker.declare(limit(1))
    names = [f"{n * 7919 % 1000:03}" for n in range(200)]
    await broker.enqueue(*names)
    [held] = await broker.fetch()
    for _ in range(5):
        await broker.set_rule(limit(4))
        await broker.promote()
        await broker.set_rule(limit(1))
        assert await broker.fetch() == []
    assert (await broker.parked(SCOPE))[3:] == names[4:]
    await broker.finish(held)
    assert (await broker.drain())[3:] == names[4:]


async def test_waiting_costs_nothing(broker: Broker) -> None:
    """A job that stood aside has had no attempt and no delivery, and is found as blocked."""
    await broker.declare(limit(1))
    await broker.enqueue("a", "b")
    [a] = await broker.fetch()
    assert await broker.counts() == {"running:job": 1, "blocked:job": 1}
    await broker.finish(a)
    assert await broker.counts() == {"succeeded:job": 1, "ready:job": 1}
    b = await broker.take()
    assert (b.attempts, b.delivery, b.crashes) == (0, 1, 0)


@pytest.mark.parametrize("way", GONE.values(), ids=GONE)
async def test_slot_is_freed(broker: Broker, way: Way) -> None:
    """However a job leaves its worker, its slot is free, and the next one can have it."""
    await broker.declare(limit(1))
    await broker.enqueue("a")
    await way(broker, "a")
    assert await broker.occupied(SCOPE) == 0
    await broker.cancel("a")
    await broker.enqueue("b", "c", "d")
    assert ids(await broker.fetch()) == ["b"]
    await broker.swallow()
    await broker.finish(*await broker.recover())
    assert await broker.token() == 1
    assert ids(await broker.fetch()) == ["c"]


async def test_stale_holder_frees_nothing(broker: Broker) -> None:
    """A delivery that was taken back occupies nothing, so its late end frees nothing."""
    await broker.declare(limit(1))
    await broker.enqueue("a", "b")
    [stale] = await broker.fetch("w1")
    await broker.crash("w1")
    [fresh] = await broker.fetch("w2")
    assert await broker.finish(stale) == "l"
    assert await broker.release(stale) == "l"
    assert await broker.occupied(SCOPE) == 1
    assert await broker.fetch("w3") == []
    assert await broker.finish(fresh, worker="w2") == "k"


async def test_plain_jobs_cost_nothing(broker: Broker) -> None:
    """Without rules and wishes, a batch needs one more command for each enqueue and fetch."""
    names = [f"job-{n}" for n in range(100)]
    await broker.redis("CONFIG", "RESETSTAT")
    await broker.enqueue(*names)
    await broker.finish(*await broker.fetch(slots=200))
    stats = await broker.redis("INFO", "commandstats")
    text = stats.decode() if isinstance(stats, bytes) else str(stats)
    assert not {"sadd", "srem", "sismember", "zrem", "scard", "smembers"} & {
        line.split(":")[0].removeprefix("cmdstat_") for line in text.splitlines()
    }
