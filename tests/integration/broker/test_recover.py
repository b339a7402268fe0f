"""``recover`` tells a worker everything that it owns, and nothing else."""

from tests.support.broker import OVER, Broker, ids


async def test_everything(broker: Broker) -> None:
    """What a worker owns comes as it was delivered, from every priority."""
    for priority in range(4):
        await broker.enqueue(f"a{priority}", f"b{priority}", priority=priority)
    held = await broker.fetch()
    await broker.release(*held[:4])
    held = [*held[4:], *await broker.fetch()]
    found = await broker.recover()
    assert sorted(ids(found)) == sorted(ids(held))
    before = {d.token: d for d in held}
    for delivery in found:
        original = before[delivery.token]
        assert (delivery.id, delivery.stream, delivery.entry) == (
            original.id,
            original.stream,
            original.entry,
        )
        assert (delivery.delivery, delivery.attempts) == (original.delivery, original.attempts)
        assert bytes(delivery.spec) == bytes(original.spec)
    assert await broker.finish(*found) == "k" * 8


async def test_twice(broker: Broker) -> None:
    """Asking again gives the same, the fencing number included."""
    await broker.enqueue("a", "b")
    await broker.fetch()
    first, second = await broker.recover(), await broker.recover()
    assert [(d.token, d.fence, d.delivery) for d in first] == [
        (d.token, d.fence, d.delivery) for d in second
    ]


async def test_fence_after_recover(broker: Broker) -> None:
    """The next delivery's fencing number is above every one that was given out."""
    await broker.enqueue("a")
    fences = [(await broker.take()).fence]
    fences.append((await broker.recover())[0].fence)
    await broker.crash()
    fences.append((await broker.take("w2")).fence)
    assert fences == sorted(fences)
    assert fences[2] > fences[1]


async def test_nothing(broker: Broker) -> None:
    """A worker that owns nothing gets nothing, and no lease."""
    await broker.enqueue("a")
    assert await broker.recover() == []
    assert await broker.lease() is None
    await broker.fetch("w2")
    assert await broker.recover() == []


async def test_after_the_sweep(broker: Broker) -> None:
    """What was taken back is not owned any more."""
    await broker.enqueue("a")
    await broker.take()
    await broker.crash()
    assert await broker.recover() == []
    assert await broker.lease() is None
    assert ids(await broker.fetch("w2")) == ["a"]


async def test_renews(broker: Broker) -> None:
    """A worker that recovers lives: its overdue lease is renewed, nothing is taken."""
    await broker.enqueue("a")
    await broker.take(lease_ms=OVER)
    expiry = await broker.lease()
    assert ids(await broker.recover()) == ["a"]
    assert not (await broker.reclaim("w1", expiry)).taken


async def test_settled_is_not_owned(broker: Broker) -> None:
    """A finish that was carried out while its answer was lost leaves nothing to recover."""
    await broker.enqueue("a", "b")
    a, _ = await broker.fetch()
    await broker.finish(a)
    assert ids(await broker.recover()) == ["b"]


async def test_forgotten_finish(broker: Broker) -> None:
    """After a failover that forgot a finish, the count differs and recover brings the job."""
    await broker.enqueue("a")
    delivery = await broker.take()
    dumps = {
        key: await broker.redis("DUMP", key)
        for key in (
            broker.keys.running(broker.queue, "w1"),
            broker.keys.counts(broker.queue),
        )
    }
    await broker.finish(delivery)
    succeeded = broker.key("succeeded")
    await broker.redis("DEL", broker.keys.journal(broker.queue), succeeded, *dumps)
    for key, dump in dumps.items():
        await broker.redis("RESTORE", key, 0, dump)
    assert await broker.renew() == 1, "the worker knows of none"
    assert [d.token for d in await broker.recover()] == [delivery.token]
    assert await broker.finish(delivery) == "k"


async def test_cancelled_meanwhile(broker: Broker) -> None:
    """A delivery that no record names any more is dropped."""
    await broker.enqueue("a", "b")
    await broker.fetch()
    await broker.redis("DEL", broker.keys.job(broker.queue, "a"))
    await broker.redis("DEL", broker.keys.state(broker.queue, "a"))
    assert ids(await broker.recover()) == ["b"]
    assert await broker.renew() == 1


async def test_many(broker: Broker) -> None:
    """Who owns ten thousand is told of ten thousand, in the order of their delivery."""
    names = [f"job-{n:05}" for n in range(10_000)]
    await broker.enqueue(*names)
    held = await broker.fetch(slots=10_000)
    found = await broker.recover()
    assert [(d.id, d.token) for d in found] == [(d.id, d.token) for d in held]
    assert await broker.finish(*found) == "k" * len(names)


async def test_limit(broker: Broker) -> None:
    """The answer holds at most its limit, the highest priority first."""
    await broker.enqueue("low", priority=3)
    await broker.enqueue("high", priority=0)
    await broker.fetch()
    assert ids(await broker.recover(limit=1)) == ["high"]
