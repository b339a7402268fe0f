"""Calls are numbered: the same number gets the same answer, a lower one does nothing."""

from collections.abc import Awaitable, Callable

import pytest

from tests.support.broker import HOUR_MS, OVER, Broker, ids


async def test_enqueue_repeated(broker: Broker) -> None:
    """An enqueue whose answer was lost says "created" again and stores nothing again."""
    call = broker.enqueuing("a", "b")
    assert await broker.run(call) == "cc"
    assert await broker.run(call) == "cc"
    assert ids(await broker.fetch()) == ["a", "b"]


@pytest.mark.parametrize("delay_ms", [None, HOUR_MS])
async def test_enqueue_repeated_after_the_end(broker: Broker, delay_ms: int | None) -> None:
    """A lost answer, asked for again when the job has run and gone, makes no second job."""
    call = broker.enqueuing("a", delay_ms=delay_ms)
    assert await broker.run(call) == "c"
    await broker.mature("a")
    assert await broker.drain() == ["a"]
    await broker.recorded()
    assert not await broker.exists("a")
    assert await broker.run(call) == "c"
    assert await broker.drain() == []


async def test_late_enqueue(broker: Broker) -> None:
    """An enqueue that arrives after a later one of its lane stores nothing."""
    late = broker.enqueuing("a")
    await broker.enqueue("b")
    assert await broker.run(late) == "stale"
    assert ids(await broker.fetch()) == ["b"]


async def test_lanes_count_by_themselves(broker: Broker) -> None:
    """Two producers with equal numbers don't answer for each other."""
    assert await broker.enqueue("a", caller="p1") == "c"
    assert await broker.enqueue("a", caller="p2") == "x"
    assert await broker.enqueue("b", caller="p2") == "c"


async def test_queues_count_by_themselves(broker: Broker) -> None:
    """One lane has a series of numbers for each queue; ids belong to a queue too."""
    first = broker.enqueuing("a")
    broker.queue, broker.numbers["producer"] = "other", 0
    second = broker.enqueuing("a")
    assert await broker.run(first) == await broker.run(second) == "c"
    assert ids(await broker.fetch()) == ["a"]


@pytest.mark.parametrize("call", ["enqueue", "fetch", "finish"])
async def test_kept_an_hour(broker: Broker, call: str) -> None:
    """Number and answer are kept for an hour after the last call."""
    await broker.enqueue("a")
    await broker.finish(await broker.take())
    caller = {"enqueue": "producer", "fetch": "w1", "finish": "w1/s"}[call]
    key = f"{broker.keys.base(broker.queue)}call:{caller}"
    await broker.redis("PEXPIRE", key, 60_000)
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "enqueue": broker.enqueue,
        "fetch": broker.fetch,
        "finish": broker.finish,
    }
    await calls[call]()
    assert HOUR_MS - 60_000 < await broker.redis("PTTL", key) <= HOUR_MS


async def test_finish_repeated(broker: Broker) -> None:
    """A finish whose answer was lost is answered the same, also when the job has gone."""
    await broker.enqueue("a", "b", "c")
    a, b, c = await broker.fetch()
    await broker.finish(b)
    call = broker.finishing(a, b, c)
    assert await broker.run(call) == "klk"
    assert await broker.run(call) == "klk"
    await broker.recorded()
    assert not await broker.exists("a")
    assert await broker.run(call) == "klk"
    assert await broker.journal() == []


async def test_finish_repeated_after_the_retry(broker: Broker) -> None:
    """A repeated finish leaves the next attempt of its job alone."""
    await broker.enqueue("a")
    delivery = await broker.take()
    call = broker.finishing(delivery, state="retrying", delay_ms=0, fields=["attempts", 1])
    assert await broker.run(call) == "k"
    await broker.promote()
    again = await broker.take("w2")
    assert await broker.run(call) == "k"
    assert await broker.finish(again, worker="w2") == "k"


async def test_late_finish(broker: Broker) -> None:
    """A finish that arrives after a later one of its lane settles nothing."""
    await broker.enqueue("a", "b")
    a, b = await broker.fetch()
    late = broker.finishing(a, state="dead")
    assert await broker.finish(a, b) == "kk"
    assert await broker.run(late) == "stale"
    assert [row.outcome for row in await broker.journal()] == ["succeeded"] * 2


async def test_release_repeated(broker: Broker) -> None:
    """A release whose answer was lost hands the job back once."""
    await broker.enqueue("a")
    call = broker.releasing(await broker.take())
    assert await broker.run(call) == "k"
    again = await broker.take("w2")
    assert await broker.run(call) == "k"
    assert await broker.fetch("w3") == []
    assert await broker.finish(again, worker="w2") == "k"


async def test_fetch_repeated(broker: Broker) -> None:
    """A fetch that arrives twice delivers once."""
    await broker.enqueue("a", "b")
    call = broker.fetching(slots=1)
    assert ids((await broker.run(call)).deliveries) == ["a"]
    again = await broker.run(call)
    assert (again.status, again.deliveries) == ("stale", [])
    assert await broker.renew() == 1


async def test_fetch_delayed_past_recover(broker: Broker) -> None:
    """A fetch that was stuck in the network while its worker recovered delivers nothing."""
    await broker.enqueue("a")
    delayed = broker.fetching()
    assert await broker.recover() == []
    assert (await broker.run(delayed)).status == "stale"
    assert await broker.renew() == -1
    assert ids(await broker.fetch("w2")) == ["a"]


async def test_lost_fetch(broker: Broker) -> None:
    """What a fetch delivered whose answer was lost comes with recover, under the same token."""
    await broker.enqueue("a", "b")
    lost = await broker.fetch()
    assert [(d.id, d.token) for d in await broker.recover()] == [(d.id, d.token) for d in lost]
    assert await broker.finish(*lost) == "kk"


async def test_recover_delayed_past_fetch(broker: Broker) -> None:
    """A recover that was stuck in the network says nothing when it arrives."""
    await broker.enqueue("a")
    delayed = broker.recovering()
    await broker.take()
    answer = await broker.run(delayed)
    assert (answer.status, answer.deliveries) == ("stale", [])


async def test_fetch_delayed_past_the_sweep(broker: Broker) -> None:
    """A fetch that arrives after its worker was swept delivers under a lease of its own."""
    await broker.enqueue("a", "b")
    await broker.fetch(slots=1)
    delayed = broker.fetching(lease_ms=OVER)
    await broker.crash()
    assert ids((await broker.run(delayed)).deliveries) == ["a", "b"]
    assert (await broker.reclaim()).returned == 2


async def test_redrive_repeated(broker: Broker) -> None:
    """A redrive of the same dead letter is answered the same, also when the job has gone."""
    await broker.enqueue("a")
    dead = await broker.take()
    await broker.finish(dead, state="dead")
    await broker.recorded()
    call = broker.redriving(dead.token, "a")
    assert await broker.run(call) == "redriven"
    assert await broker.run(call) == "redriven"
    assert await broker.drain() == ["a"]
    await broker.recorded()
    assert await broker.run(call) == "redriven"
    assert await broker.drain() == []
