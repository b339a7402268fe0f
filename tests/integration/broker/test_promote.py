"""``promote`` makes due jobs ready, never early, each once."""

import msgspec

from jobqueue.domain.jobs import SPEC_VERSION, Spec
from tests.support.broker import HOUR_MS, Broker, ids


async def test_never_early(broker: Broker) -> None:
    """A job that is not due by the server's clock stays where it is."""
    now = await broker.now_ms()
    await broker.enqueue("a", at_ms=now + HOUR_MS)
    promoted = await broker.promote()
    assert (promoted.count, promoted.next_ms) == (0, now + HOUR_MS)
    assert now <= promoted.now_ms <= await broker.now_ms()
    assert await broker.fetch() == []


async def test_order(broker: Broker) -> None:
    """Due jobs become ready in the order of their times, in their priorities."""
    await broker.enqueue("later", "b", "a", delay_ms=HOUR_MS)
    await broker.enqueue("urgent", delay_ms=HOUR_MS, priority=0)
    key, now = broker.keys.scheduled(broker.queue), await broker.now_ms()
    for id_, due in {"a": 2, "b": 1, "urgent": 3}.items():
        await broker.redis("ZADD", key, now - 1000 + due, id_)
    assert (await broker.promote()).count == 3
    assert ids(await broker.fetch()) == ["urgent", "b", "a"]


async def test_limit(broker: Broker) -> None:
    """One call takes at most its limit; the count says whether it was reached."""
    names = [f"job-{n}" for n in range(5)]
    await broker.enqueue(*names, delay_ms=HOUR_MS)
    await broker.mature(*names)
    assert [(await broker.promote(2)).count for _ in range(4)] == [2, 2, 1, 0]
    assert (await broker.promote()).next_ms is None


async def test_large_jobs(broker: Broker) -> None:
    """Of large jobs one call takes as many as memory bears; the next take the others."""
    large = msgspec.msgpack.encode(Spec(SPEC_VERSION, None, bytes(1_000_000)))
    names = [f"job-{n:03}" for n in range(120)]
    for some in (names[:60], names[60:]):
        await broker.enqueue(*some, delay_ms=HOUR_MS, spec=large)
    await broker.mature(*names)
    left = len(names)
    while left:
        promoted = await broker.promote()
        assert 0 < promoted.count < 20
        left -= promoted.count
        assert (promoted.next_ms is None) == (left == 0)
    assert await broker.counts() == {"ready:job": 120}


async def test_two_promoters(broker: Broker) -> None:
    """A second promoter finds nothing: each job becomes ready once."""
    await broker.enqueue("a", delay_ms=HOUR_MS)
    await broker.mature("a")
    assert [(await broker.promote()).count for _ in range(2)] == [1, 0]
    assert ids(await broker.fetch()) == ["a"]


async def test_cancelled(broker: Broker) -> None:
    """A due id without a record was cancelled: it leaves the schedule and nothing happens."""
    await broker.enqueue("a", "b", delay_ms=HOUR_MS)
    await broker.redis("DEL", broker.keys.job(broker.queue, "a"))
    await broker.mature("a", "b")
    await broker.promote()
    assert ids(await broker.fetch()) == ["b"]
    assert await broker.redis("ZCARD", broker.keys.scheduled(broker.queue)) == 0


async def test_what_runs_is_left_alone(broker: Broker) -> None:
    """A due time that was left over takes no job from the worker that runs it."""
    await broker.enqueue("waits", "runs", priority=1)
    await broker.enqueue("first", priority=0)
    await broker.redis("DEL", broker.keys.job(broker.queue, "waits"))
    await broker.enqueue("waits", priority=2)
    held = await broker.fetch(slots=2)
    assert ids(held) == ["first", "runs"]
    key = broker.keys.scheduled(broker.queue)
    for id_ in ("waits", "runs"):
        await broker.redis("ZADD", key, 1, id_)
    await broker.promote()
    assert ids(await broker.fetch("w2")) == ["waits"]
    assert await broker.finish(*held) == "kk"
    assert await broker.redis("ZCARD", key) == 0


async def test_a_watched_job(broker: Broker) -> None:
    """Somebody who waits for a scheduled job does not change what it is."""
    await broker.enqueue("a", delay_ms=HOUR_MS)
    await broker.watch("a", "client")
    await broker.mature("a")
    await broker.promote()
    assert await broker.counts() == {"ready:job": 1}
    delivery = await broker.take()
    assert (delivery.attempts, delivery.delivery) == (0, 1)
    await broker.finish(delivery)
    assert await broker.redis("LLEN", broker.keys.inbox(broker.queue, "client")) == 1
