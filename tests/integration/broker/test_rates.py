"""A rate bounds what starts within any window of its period; what waits comes as it refills."""

import pytest

from jobqueue.broker.messages import Rule
from jobqueue.domain.jobs import Asks
from tests.support.broker import HOUR_MS, Broker, ids
from tests.support.rules import limit, rate

MINUTE_MS = 60_000
QUEUE = rate(2, name=None)
KEYED = rate(1, keyed=True)


@pytest.mark.parametrize("rule", [rate(2), QUEUE], ids=["name", "queue"])
async def test_within_a_period(broker: Broker, rule: Rule) -> None:
    """No more than n start within the period, whatever became of them; then n more may."""
    await broker.declare(rule)
    await broker.enqueue(*"abcde")
    held = await broker.fetch()
    assert ids(held) == ["a", "b"]
    await broker.finish(held[0])
    await broker.cancel("b")
    assert await broker.drain() == []
    assert await broker.marked(rule.label)
    await broker.age(rule.label, MINUTE_MS // 2)
    assert await broker.drain() == []
    await broker.age(rule.label, MINUTE_MS // 2 + 1)
    assert ids(await broker.fetch("w2")) == (["c", "d"] if rule.name is None else [])
    await broker.promote()
    await broker.fetch("w2")
    assert await broker.drain() == []
    assert ids(await broker.recover("w2")) == ["c", "d"]


@pytest.mark.parametrize("rule", [rate(3, 40), rate(3, 40, name=None)], ids=["name", "queue"])
async def test_any_window(broker: Broker, rule: Rule) -> None:
    """In no window of the period do more than n jobs start, by the server's clock."""
    await broker.declare(rule)
    await broker.enqueue(*(f"job-{n}" for n in range(20)))
    starts: list[int] = []
    while len(starts) < 20:
        await broker.promote()
        fetched = await broker.run(broker.fetching(slots=2))
        starts += [fetched.now_us] * len(fetched.deliveries)
        await broker.finish(*fetched.deliveries)
    assert all(later - first > 40_000 for first, later in zip(starts, starts[3:], strict=False))
    assert starts[-1] - starts[0] < 15_000_000


async def test_sliding(broker: Broker) -> None:
    """Starts at the end of one period count in the beginning of the next."""
    await broker.declare(rate(2))
    await broker.enqueue("a", "b", "c", "d")
    await broker.fetch(slots=1)
    await broker.age("rate:job:job", MINUTE_MS - 1000)
    assert ids(await broker.fetch()) == ["b"]
    await broker.age("rate:job:job", 2000)
    await broker.promote()
    assert ids(await broker.fetch()) == ["c"]
    assert await broker.drain() == []


async def test_keys(broker: Broker) -> None:
    """A rate of a key counts each key apart, and leaves others alone."""
    await broker.declare(KEYED)
    for key in ("one", "with space", "=:{}"):
        await broker.enqueue(f"{key}-1", f"{key}-2", asks=Asks(keys={KEYED.label: key}))
    await broker.enqueue("plain")
    assert ids(await broker.fetch()) == ["one-1", "with space-1", "=:{}-1", "plain"]
    await broker.age(f"{KEYED.label}=with space", MINUTE_MS + 1)
    await broker.promote()
    assert ids(await broker.fetch()) == ["with space-2"]


async def test_order(broker: Broker) -> None:
    """What waits comes by priority, then by arrival."""
    await broker.declare(rate(1))
    await broker.enqueue("first", priority=0)
    for priority in (3, 1, 2):
        await broker.enqueue(f"{priority}a", f"{priority}b", priority=priority)
    order = []
    for _ in range(7):
        order += ids(await broker.fetch())
        await broker.age("rate:job:job", MINUTE_MS + 1)
        await broker.promote()
    assert order == ["first", "1a", "1b", "2a", "2b", "3a", "3b"]


@pytest.mark.parametrize("rule", [rate(1), QUEUE], ids=["name", "queue"])
async def test_lost_marker(broker: Broker, rule: Rule) -> None:
    """When nobody remembers to refill, a fetch that finds nothing does."""
    await broker.declare(rule)
    await broker.enqueue("a", "b", "c")
    held = await broker.fetch()
    await broker.redis("DEL", broker.keys.scheduled(broker.queue))
    assert await broker.fetch() == []
    assert await broker.marked(rule.label)
    await broker.redis("DEL", broker.keys.scheduled(broker.queue))
    await broker.age(rule.label, MINUTE_MS + 1)
    late = await broker.fetch() or await broker.fetch()
    assert ids(late) == ["b" if rule.name else "c"]
    await broker.finish(*held)


async def test_scheduler_is_told(broker: Broker) -> None:
    """The scheduler learns when the next one may start, and wakes a worker then."""
    await broker.declare(rate(1))
    await broker.enqueue("a", "b", delay_ms=None)
    await broker.redis("DEL", broker.keys.wake_due(broker.queue))
    now = await broker.now_ms()
    await broker.fetch()
    assert await broker.redis("LLEN", broker.keys.wake_due(broker.queue)) == 1
    following = (await broker.promote()).next_ms or 0
    assert now + MINUTE_MS < following <= await broker.now_ms() + MINUTE_MS + 1
    await broker.swallow()
    await broker.promote()
    assert await broker.token() == 0, "nothing came of it"
    await broker.age("rate:job:job", MINUTE_MS + 1)
    await broker.promote()
    assert await broker.token() == 1


@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize(("n", "more"), [(3, 2), (None, 4), (1, 0)])
async def test_changed(broker: Broker, n: int | None, more: int, keyed: bool) -> None:
    """A rate that is raised or taken back lets in at once as many as it now allows."""
    rule = rate(1, keyed=keyed)
    await broker.declare(rule)
    await broker.enqueue(*"abcde", asks=Asks(keys={KEYED.label: "k"}))
    await broker.fetch()
    await broker.declare(*([rate(n, keyed=keyed)] if n else []))
    await broker.promote()
    assert len(await broker.fetch("w2")) == more


async def test_forgotten(broker: Broker) -> None:
    """What counts the starts is gone soon after the period."""
    await broker.declare(rate(1, HOUR_MS))
    await broker.enqueue("a")
    await broker.fetch()
    key = broker.keys.scope(broker.queue, "rate:job:job")
    assert HOUR_MS < await broker.redis("PTTL", key) <= HOUR_MS + 1000


async def test_cancelled(broker: Broker) -> None:
    """A job that was let in and is cancelled lets the next one in at once."""
    await broker.declare(rate(1))
    await broker.enqueue("a", "b", "c")
    await broker.fetch()
    await broker.age("rate:job:job", MINUTE_MS + 1)
    await broker.promote()
    await broker.cancel("b")
    assert ids(await broker.fetch()) == ["c"]


async def test_rate_and_limit(broker: Broker) -> None:
    """Under both, both hold, and neither leaves a job behind."""
    await broker.declare(rate(2), limit(1), QUEUE)
    await broker.enqueue(*"abcde")
    order = []
    for _ in range(8):
        while held := await broker.fetch():
            assert len(held) == 1
            order += ids(held)
            await broker.finish(*held)
        for scope in ("rate:job:job", "rate:queue"):
            await broker.age(scope, MINUTE_MS + 1)
        assert len(order) % 2 == 0 or len(order) == 5
        await broker.promote()
    assert order == list("abcde")
