"""Jobs that a limit keeps aside come back: one for each slot, whatever becomes of the others."""

import pytest

from jobqueue.broker.messages import Rule
from jobqueue.domain.jobs import Asks
from tests.support.broker import HOUR_MS, Broker, ids
from tests.support.rules import limit, rate
from tests.support.ways import ENDS, WAITS

SCOPE = "limit:job:job"
KEYED = limit(1, keyed=True)
ONE, TWO = (Asks(keys={KEYED.label: key}) for key in ("one", "two"))
GONE = {name: way for name, way in (ENDS | WAITS).items() if name not in {"ready", "parked"}}


@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize(
    ("change", "more"), [(4, 3), (None, 5), (2, 1), (1, 0), (0, 0)], ids=lambda value: f"{value}"
)
async def test_changed(broker: Broker, change: int | None, more: int, keyed: bool) -> None:
    """A rule that is raised or taken back lets in at once as many as it now allows."""
    await broker.declare(limit(1, keyed=keyed))
    await broker.enqueue(*"abcdef", asks=ONE)
    held = await broker.fetch("w1")
    assert ids(held) == ["a"]
    await broker.set_rule(limit(change, keyed=keyed)) if change is not None else (
        await broker.declare()
    )
    await broker.promote()
    assert len(await broker.fetch("w2")) == more
    await broker.finish(held[0])
    await broker.crash("w2")
    await broker.set_rule(limit(1, keyed=keyed))
    await broker.promote()
    assert sorted(await broker.drain()) == list("bcdef")


async def test_lowered(broker: Broker) -> None:
    """A rule that is lowered takes nothing away; nothing starts until enough have ended."""
    await broker.declare(limit(3))
    await broker.enqueue(*"abcdef")
    held = await broker.fetch()
    await broker.set_rule(limit(1))
    await broker.promote()
    for delivery in held[:2]:
        await broker.finish(delivery)
        assert await broker.fetch() == []
    await broker.finish(held[2])
    assert ids(await broker.fetch()) == ["d"]


@pytest.mark.parametrize("rule", [limit(2), limit(2, None), limit(2, keyed=True)])
async def test_new(broker: Broker, rule: Rule) -> None:
    """What runs when a limit begins counts in it, and gives its slot back."""
    await broker.enqueue(*"abcdef", asks=ONE)
    a, b, c = await broker.fetch(slots=3)
    await broker.declare(rule)
    assert await broker.fetch() == []
    await broker.finish(a)
    assert await broker.fetch() == []
    await broker.fail(b, HOUR_MS)
    assert ids(await broker.fetch("w2")) == ["d"]
    await broker.finish(c)
    await broker.crash("w2", budget=1)
    assert ids(await broker.fetch()) == ["e", "f"]


async def test_paused_and_resumed(broker: Broker) -> None:
    """A limit of 0 lets nothing start; without it, everything does."""
    for rule in (limit(0), limit(0, None)):
        await broker.set_rule(rule)
        await broker.enqueue("a", "b", "c")
        assert await broker.fetch() == []
        await broker.swallow()
        await broker.set_rule(rule.__class__(rule.label, rule.kind, rule.name, False, None, None))
        assert await broker.token() == 1
        assert await broker.drain() == ["a", "b", "c"]
        await broker.recorded()


async def test_cancelled_and_enqueued_again(broker: Broker) -> None:
    """A parked job that is cancelled leaves its place; the id may come again, elsewhere too."""
    await broker.declare(limit(1))
    await broker.enqueue("a", "b", "c", "d")
    [a] = await broker.fetch()
    await broker.cancel("b")
    await broker.cancel("c")
    assert await broker.parked(SCOPE) == ["d"]
    await broker.recorded()
    await broker.enqueue("c", name="unlimited", delay_ms=HOUR_MS)
    await broker.enqueue("b", priority=1)
    assert await broker.fetch() == []
    assert await broker.parked(SCOPE) == ["b", "d"]
    await broker.finish(a)
    assert await broker.drain() == ["b", "d"]
    assert (await broker.counts())["scheduled:unlimited"] == 1


@pytest.mark.parametrize("how", ["cancel", "replace", "expire", "park"])
async def test_passed_on(broker: Broker, how: str) -> None:
    """A job that was let in and leaves before it is delivered lets the next one in."""
    await broker.declare(limit(1), KEYED)
    await broker.enqueue("first")
    await broker.enqueue("a", asks=Asks(unique="k", expires=await broker.now_ms() + HOUR_MS))
    await broker.enqueue("b", "c")
    [first] = await broker.fetch()
    await broker.finish(first)
    assert await broker.parked(SCOPE) == ["b", "c"]
    if how == "cancel":
        await broker.cancel("a")
    elif how == "replace":
        asks = Asks(unique="k", conflict="replace")
        assert await broker.enqueue("d", asks=asks, delay_ms=HOUR_MS) == "r\na"
    elif how == "expire":
        await broker.redis("ZADD", broker.keys.scope(broker.queue, "expiring"), 1, "a")
        await broker.promote()
        assert (await broker.state("a"))["state"] == "expired"
    else:
        await broker.set_rule(rate(0))
        await broker.fetch()
        await broker.set_rule(rate(None))
        await broker.promote()
        assert sorted(await broker.drain()) == ["a", "b", "c"]
        return
    assert await broker.drain() == ["b", "c"]


async def test_passed_on_by_poison(broker: Broker) -> None:
    """A job on its last life that no worker may take now holds nobody else up."""
    await broker.enqueue("a")
    for _ in range(2):
        await broker.take()
        await broker.crash()
    await broker.declare(limit(1))
    await broker.enqueue("first", priority=0)
    await broker.enqueue("b")
    [first] = await broker.fetch()
    await broker.finish(first)
    assert ids(await broker.fetch(alone=True)) == ["b"]
    await broker.finish(*await broker.recover())
    assert ids(await broker.fetch()) == ["a"]


async def test_two_limits(broker: Broker) -> None:
    """A job under two limits waits for both; neither's slot lies idle for those of another key."""
    await broker.declare(limit(2), KEYED)
    await broker.enqueue("a1", "a2", "a3", "a4", asks=ONE)
    await broker.enqueue("b1", "b2", asks=TWO)
    held = {d.id: d for d in await broker.fetch()}
    assert list(held) == ["a1", "b1"]
    await broker.finish(held["b1"])
    assert ids(await broker.fetch()) == ["b2"]
    await broker.finish(held["a1"])
    assert ids(await broker.fetch()) == ["a2"]
    await broker.finish(*await broker.recover())
    assert ids(await broker.fetch()) == ["a3"]


async def test_two_limits_and_a_hot_key(broker: Broker) -> None:
    """A slot of a name finds its way past any number of jobs of a key that is busy."""
    await broker.declare(limit(2), KEYED)
    await broker.enqueue("x", "hot", asks=TWO)
    await broker.enqueue("a", asks=ONE)
    await broker.enqueue(*(f"a-{n:03}" for n in range(300)), asks=ONE)
    await broker.enqueue("b", asks=Asks(keys={KEYED.label: "three"}))
    while (await broker.run(broker.fetching())).status == "more":
        pass
    held = {d.id: d for d in await broker.recover()}
    assert list(held) == ["x", "a"]
    await broker.cancel("hot")
    await broker.finish(held["x"])
    delivered = []
    for _ in range(300 // 64 + 1):
        await broker.swallow()
        delivered += ids(await broker.fetch())
        assert delivered or await broker.token() == 1
    assert delivered == ["b"]
    assert len(await broker.parked(f"{KEYED.label}=one")) == 300


@pytest.mark.parametrize("seed", range(5))
async def test_limits_that_overlap(broker: Broker, seed: int) -> None:
    """Jobs under a limit, two keyed ones and a queue's: every slot that can be used is."""
    first, second = limit(1, keyed=True), Rule("limit:key2:job", "limit", "job", True, 2, None)
    await broker.declare(limit(3), limit(5, None), first, second)
    for n in range(60):
        keys = {first.label: f"{(n * (seed + 3)) % 5}", second.label: f"{n * n % 4}"}
        await broker.enqueue(f"job-{n:02}", asks=Asks(keys=keys), priority=n % 3)
    await broker.enqueue("x", "y", "z", name="other", priority=3)
    ran = 0
    for _ in range(200):
        fetched = []
        while (fetch := await broker.run(broker.fetching())).status == "more" or fetch.deliveries:
            fetched += fetch.deliveries
        assert await broker.occupied("limit:job:job") <= 3
        held = await broker.recover()
        if not held:
            break
        ran += 1
        await broker.finish(held[seed % len(held)])
    assert ran == 63
    assert await broker.counts() == {"succeeded:job": 60, "succeeded:other": 3}


async def test_ten_thousand_parked(broker: Broker) -> None:
    """A fetch that parks goes on until it has seen all, then sleeps, and wakes nobody."""
    await broker.declare(limit(1, "x"), names=["x"])
    names = [f"job-{n:05}" for n in range(10_000)]
    await broker.enqueue(*names, name="x", priority=0)
    await broker.enqueue("plain")
    fetches, got = 0, []
    while True:
        fetched = await broker.run(broker.fetching(slots=4))
        fetches += 1
        got += ids(fetched.deliveries)
        if fetched.status == "ok":
            break
    assert got == ["job-00000", "plain"]
    assert 10_000 // 64 <= fetches <= 10_000 // 64 + 2
    await broker.swallow()
    assert (await broker.run(broker.fetching())).status == "ok"
    assert await broker.token() == 0
    await broker.finish((await broker.recover())[0])
    assert len(await broker.parked("limit:job:x")) == 9_998
    assert ids(await broker.fetch()) == ["job-00001"]


async def test_ten_thousand_let_in(broker: Broker) -> None:
    """Without their rule they all come back, a thousand at a time."""
    await broker.declare(limit(0))
    await broker.enqueue(*(f"job-{n:05}" for n in range(3_000)))
    while (await broker.run(broker.fetching(slots=100))).status == "more":
        pass
    await broker.declare()
    for left in (2_000, 1_000, 0, 0):
        promoted = await broker.promote()
        assert len(await broker.parked(SCOPE)) == left
        assert (promoted.next_ms is None) == (left == 0)
    assert ids(await broker.fetch(slots=5000)) == [f"job-{n:05}" for n in range(3_000)]


async def test_lost_let_in(broker: Broker) -> None:
    """A fetch that finds nothing looks at a scope that nobody occupies any more."""
    await broker.declare(limit(1))
    await broker.enqueue("a", "b", "c")
    [a] = await broker.fetch()
    await broker.redis("DEL", broker.keys.scope(broker.queue, SCOPE))
    assert await broker.fetch() == []
    assert ids(await broker.fetch()) == ["b"]
    await broker.finish(a)
