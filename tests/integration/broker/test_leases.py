"""Leases live beside what they protect: ``renew`` and ``reclaim`` decide in one step."""

from tests.support.broker import LEASE_MS, OVER, SPEC, Broker, ids


async def test_renew(broker: Broker) -> None:
    """A renewal lengthens the lease from now, by the server's clock."""
    await broker.enqueue("a")
    await broker.take(lease_ms=OVER)
    before = await broker.now_ms()
    assert await broker.renew(lease_ms=20_000) == 1
    assert before + 20_000 <= (await broker.lease() or 0) <= await broker.now_ms() + 20_000


async def test_renew_counts(broker: Broker) -> None:
    """A renewal answers how much the worker owns, over all priorities, and only its own."""
    for priority in range(4):
        await broker.enqueue(f"a{priority}", f"b{priority}", priority=priority)
    held = await broker.fetch("w1", 8)
    await broker.release(*held[::2])
    assert await broker.renew() == 4
    await broker.fetch("w2", 3)
    assert (await broker.renew(), await broker.renew("w2")) == (4, 3)
    await broker.finish(*held[1::2])
    assert await broker.renew() == 0


async def test_renew_makes_no_lease(broker: Broker) -> None:
    """An absent lease is never made again: its jobs may belong to others already."""
    assert await broker.renew() == -1
    assert await broker.lease() is None
    await broker.enqueue("a")
    await broker.take()
    await broker.crash()
    assert await broker.renew() == -1
    assert await broker.lease() is None


async def test_renew_overdue(broker: Broker) -> None:
    """An overdue lease that nobody took can still be renewed."""
    await broker.enqueue("a")
    delivery = await broker.take()
    expiry = await broker.lapse()
    assert await broker.renew() == 1
    assert not (await broker.reclaim("w1", expiry)).taken
    assert await broker.finish(delivery) == "k"


async def test_renewed_between_two_looks(broker: Broker) -> None:
    """The reclaimer reads "over", the worker renews, the reclaimer comes: nothing is taken."""
    await broker.enqueue("a")
    delivery = await broker.take()
    expiry = await broker.lapse()
    await broker.renew(lease_ms=OVER)
    taken = await broker.reclaim("w1", expiry)
    assert (taken.taken, taken.returned, taken.ended) == (False, 0, 0)
    assert await broker.finish(delivery) == "k"


async def test_fetched_between_two_looks(broker: Broker) -> None:
    """A fetch renews too."""
    await broker.enqueue("a")
    await broker.take()
    expiry = await broker.lapse()
    await broker.fetch(lease_ms=OVER)
    assert not (await broker.reclaim("w1", expiry)).taken


async def test_not_over(broker: Broker) -> None:
    """A lease that is not over by the server's clock is not taken, whatever a host thinks."""
    await broker.enqueue("a")
    delivery = await broker.take(lease_ms=LEASE_MS)
    assert not (await broker.reclaim("w1", await broker.lease())).taken
    assert await broker.finish(delivery) == "k"


async def test_nobody(broker: Broker) -> None:
    """There is nothing to take from a worker without a lease."""
    assert not (await broker.reclaim("nobody", 1)).taken
    assert not (await broker.reclaim("nobody", -1)).taken


async def test_reclaim(broker: Broker) -> None:
    """A dead worker's jobs come back in front, at the cost of a crash, with a row each."""
    await broker.enqueue("a", "b", priority=1)
    held = await broker.fetch()
    await broker.enqueue("waits", priority=1)
    taken = await broker.crash()
    assert (taken.returned, taken.ended, taken.more) == (2, 0, False)
    again = await broker.fetch("w2")
    assert ids(again) == ["a", "b", "waits"]
    assert [(d.crashes, d.attempts, d.delivery) for d in again] == [(1, 0, 2), (1, 0, 2), (0, 0, 1)]
    assert [row.id for row in await broker.journal()] == [d.token for d in held]


async def test_row_of_a_lost_job(broker: Broker) -> None:
    """The row of a lost delivery says all that is known of it."""
    await broker.enqueue("a", priority=3, name="send")
    await broker.fail(await broker.take())
    await broker.promote()
    delivery = await broker.take()
    await broker.crash()
    row = (await broker.journal())[-1]
    assert (row.version, row.id, row.job_id, row.run) == (1, delivery.token, "a", 0)
    assert (row.attempt, row.delivery, row.crashes) == (2, 2, 1)
    assert (row.outcome, row.final, row.reason) == ("lost", False, "")
    assert (row.queue, row.name, row.priority, row.worker) == (broker.queue, "send", 3, "w1")
    assert (row.enqueued_ms, row.ready_ms) == (delivery.enqueued_ms, delivery.ready_ms)
    assert row.ready_ms * 1000 <= row.started_us <= row.finished_us
    assert (bytes(row.spec), row.error_type) == (SPEC, "jobqueue.WorkerLost")
    assert "w1" in (row.error_message or "")


async def test_others_are_left_alone(broker: Broker) -> None:
    """Only what the dead worker held is taken: other workers, other priorities stay."""
    await broker.enqueue(*(f"a{n}" for n in range(4)), priority=0)
    await broker.enqueue(*(f"b{n}" for n in range(4)), priority=3)
    dead, alive = await broker.fetch("w1", 5), await broker.fetch("w2", 3)
    assert (await broker.crash("w1")).returned == 5
    assert await broker.renew("w2") == 3
    assert await broker.finish(*alive, worker="w2") == "kkk"
    assert await broker.finish(*dead) == "lllll"
    assert ids(await broker.fetch("w3", 9)) == ids(dead)


async def test_in_parts(broker: Broker) -> None:
    """A sweep takes at most its limit; the lease stays until nothing is left."""
    await broker.enqueue(*(f"job-{n}" for n in range(5)))
    await broker.fetch()
    expiry = await broker.lapse()
    parts = [await broker.reclaim("w1", expiry, limit=2) for _ in range(3)]
    assert [(part.returned, part.more) for part in parts] == [(2, True), (2, True), (1, False)]
    assert not (await broker.reclaim("w1", expiry)).taken


async def test_renewed_between_two_parts(broker: Broker) -> None:
    """A worker that comes back in the middle keeps what was not taken yet, and only that."""
    await broker.enqueue("a", "b", "c")
    a, b, c = await broker.fetch()
    expiry = await broker.lapse()
    await broker.reclaim("w1", expiry, limit=1)
    assert await broker.renew() == 2
    assert not (await broker.reclaim("w1", expiry, limit=1)).taken
    assert ids(await broker.recover()) == ["b", "c"]
    assert await broker.finish(a, b, c) == "lkk"


async def test_cancelled_meanwhile(broker: Broker) -> None:
    """A held entry that no record names any more is dropped."""
    await broker.enqueue("a", "b")
    await broker.fetch()
    await broker.redis("DEL", broker.keys.job(broker.queue, "a"))
    await broker.redis("DEL", broker.keys.state(broker.queue, "a"))
    assert (await broker.crash()).returned == 1
    assert ids(await broker.fetch("w2")) == ["b"]


async def test_nothing_stays(broker: Broker) -> None:
    """A worker that was swept owns nothing more."""
    for priority in range(4):
        await broker.enqueue(f"a{priority}", priority=priority)
    await broker.release(*await broker.fetch())
    await broker.fetch()
    await broker.crash()
    assert await broker.redis("EXISTS", broker.keys.running(broker.queue, "w1")) == 0
