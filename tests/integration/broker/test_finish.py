"""``finish`` settles attempts: row, next state and acknowledgement in one step, fenced."""

from collections.abc import Awaitable, Callable

import pytest

from jobqueue.broker.messages import Delivery, watched
from jobqueue.domain import executions
from tests.support.broker import HOUR_MS, Broker, ids

TERMINAL = ["succeeded", "dead", "cancelled", "expired"]


@pytest.mark.parametrize("state", TERMINAL)
async def test_end(broker: Broker, state: str) -> None:
    """A job that has ended leaves its row and stays visible until that is recorded."""
    await broker.enqueue("a")
    delivery = await broker.take()
    assert await broker.finish(delivery, state=state) == "k"
    assert (await broker.state("a"))["state"] == state
    assert await broker.length("ready:2") == 0
    assert await broker.drain() == []
    [row] = await broker.journal()
    assert row == executions.unpack(broker.record(delivery, state))
    assert await broker.exists("a")
    assert await broker.recorded() == 1
    assert not await broker.exists("a")


async def test_retry(broker: Broker) -> None:
    """A retry is due after its delay, by the server's clock; the attempt is counted."""
    await broker.enqueue("a", priority=1)
    delivery = await broker.take()
    before = await broker.now_ms()
    assert await broker.fail(delivery, HOUR_MS) == "k"
    due = int(await broker.redis("ZSCORE", broker.keys.scheduled(broker.queue), "a"))
    assert before + HOUR_MS <= due <= await broker.now_ms() + HOUR_MS
    assert await broker.fetch() == []
    await broker.mature("a")
    await broker.promote()
    again = await broker.take()
    assert (again.attempts, again.delivery, again.delay_ms, again.priority) == (1, 2, HOUR_MS, 1)
    assert again.token != delivery.token
    [row] = await broker.journal()
    assert (row.id, row.attempt, row.final) == (delivery.token, 1, False)


async def test_not_counted(broker: Broker) -> None:
    """A job that only waits again costs no attempt, and no row when it leaves none."""
    await broker.enqueue("a")
    assert await broker.finish(await broker.take(), state="scheduled", delay_ms=0) == "k"
    await broker.promote()
    again = await broker.take()
    assert (again.attempts, again.delivery, again.run) == (0, 2, 0)
    assert await broker.journal() == []


async def test_twice(broker: Broker) -> None:
    """An attempt that was settled can't be settled again by another call."""
    await broker.enqueue("a")
    delivery = await broker.take()
    assert await broker.finish(delivery) == "k"
    assert await broker.finish(delivery, state="dead") == "l"
    assert await broker.release(delivery) == "l"
    assert (await broker.state("a"))["state"] == "succeeded"
    assert len(await broker.journal()) == 1


@pytest.mark.parametrize("settle", ["finish", "fail", "release"])
async def test_stale_token(broker: Broker, settle: str) -> None:
    """A worker that lost its job changes nothing: not the job, no row, no counter."""
    await broker.enqueue("a")
    stale = await broker.take()
    await broker.crash()
    calls: dict[str, Callable[[Delivery], Awaitable[str]]] = {
        "finish": broker.finish,
        "fail": broker.fail,
        "release": broker.release,
    }
    late = calls[settle]
    assert await late(stale) == "l", "it waits for another worker"
    owner = await broker.take("w2")
    before = (await broker.state("a"), await broker.counts(), len(await broker.journal()))
    assert await late(stale) == "l", "another worker runs it"
    assert (await broker.state("a"), await broker.counts(), len(await broker.journal())) == before
    assert await broker.renew("w2") == 1
    assert await broker.finish(owner, worker="w2") == "k"
    assert await late(stale) == "l", "it has ended"
    await broker.recorded()
    assert await late(stale) == "l", "it is gone"


async def test_overdue_and_not_reclaimed(broker: Broker) -> None:
    """A worker whose lease has run out still owns its jobs until they are taken back."""
    await broker.enqueue("a", "b")
    a, b = await broker.fetch()
    await broker.lapse()
    assert await broker.finish(a) == "k"
    assert await broker.release(b) == "k"


async def test_batch(broker: Broker) -> None:
    """Each attempt of a batch has its own answer; those that are lost harm no other."""
    await broker.enqueue(*"abcd", priority=0)
    await broker.enqueue("e", priority=3)
    a, b, c, d, e = await broker.fetch()
    await broker.release(b)
    await broker.finish(d)
    assert await broker.finish(a, b, c, d, e) == "klklk"
    assert sorted(row.job_id for row in await broker.journal() if row.final) == ["a", "c", "d", "e"]
    assert ids(await broker.fetch("w2")) == ["b"]


async def test_result(broker: Broker) -> None:
    """A result is kept byte by byte, up to the largest one, and shown to who asks."""
    result = '"' + "ä€𝄞\\u0001" * 6000 + '"'
    await broker.enqueue("a")
    await broker.finish(await broker.take(), fields=["result", result], payload=result)
    watched = await broker.watch("a")
    assert (watched.state, watched.payload) == ("succeeded", result)


async def test_waiters(broker: Broker) -> None:
    """Everybody who waits is told how the job ended, once, and not when it is retried."""
    await broker.enqueue("a")
    assert (await broker.watch("a", "one")).state == "waiting"
    delivery = await broker.take()
    assert (await broker.watch("a", "two")).state == "waiting"
    assert (await broker.watch("a", "two")).state == "waiting"
    await broker.fail(delivery)
    for client in ("one", "two"):
        assert await inbox(broker, client) == []
    await broker.promote()
    await broker.finish(await broker.take(), payload='"done"', fields=["result", '"done"'])
    for client in ("one", "two"):
        assert await inbox(broker, client) == [("a", "succeeded", '"done"')]
        key = broker.keys.inbox(broker.queue, client)
        assert 0 < await broker.redis("PTTL", key) <= 60_000


async def test_waiters_of_a_lost_job(broker: Broker) -> None:
    """Those who wait are told by reclaim too, when the last crash ends the job."""
    await broker.enqueue("a")
    await broker.watch("a", "client")
    await broker.take()
    await broker.crash(budget=1)
    [(id_, state, payload)] = await inbox(broker, "client")
    assert (id_, state) == ("a", "dead")
    assert "WorkerLost" in payload


async def test_wakes_a_scheduler(broker: Broker) -> None:
    """Only a retry that is the new earliest due time wakes a scheduler, with one token."""
    key = broker.keys.wake_due(broker.queue)
    await broker.enqueue("a", "b", "c")
    a, b, c = await broker.fetch()
    for delivery, delay_ms, tokens in ((a, 60_000, 1), (b, HOUR_MS, 0), (c, 30_000, 1)):
        await broker.redis("DEL", key)
        await broker.fail(delivery, delay_ms)
        assert await broker.redis("LLEN", key) == tokens
    await broker.enqueue("d", delay_ms=1000)
    assert await broker.redis("LLEN", key) == 1, "there is one already"


async def inbox(broker: Broker, client: str) -> list[tuple[str, str, str]]:
    """Return the answers in a client's inbox."""
    raws = await broker.redis("LRANGE", broker.keys.inbox(broker.queue, client), 0, -1)
    return [(w.id, w.state, w.payload) for w in map(watched.decode, raws)]
