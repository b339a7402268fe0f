"""A concurrency limit bounds what runs at once; what waits for it stands aside, in order."""

import pytest

from jobqueue.broker.calls import Rule
from jobqueue.domain.jobs import Asks
from tests.support.broker import HOUR_MS, Broker, ids
from tests.support.rules import limit, rate
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


async def test_lost_group(broker: Broker) -> None:
    """When a group is lost and a job delivered twice, it occupies one slot."""
    await broker.declare(limit(1))
    await broker.enqueue("a", "b")
    await broker.fetch("w1")
    await broker.redis("XGROUP", "DESTROY", broker.keys.stream(broker.queue, "ready:2"), "workers")
    await broker.fetch("w2")
    assert await broker.occupied(SCOPE) == 1
    assert await broker.drain() == []
    await broker.crash("w2", budget=1)
    assert await broker.drain() == ["b"]


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
    await broker.enqueue("a", asks=Asks(unique="k", expires=await broker.now_ms() + 30))
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
        while (await broker.state("a")).get("state") != "expired":
            await broker.promote()
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
    assert await broker.fetch(alone=True) == []
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
