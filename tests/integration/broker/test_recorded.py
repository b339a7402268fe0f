"""``recorded`` drops what PostgreSQL has, and only the job that this very execution ended."""

import pytest
from msgspec.structs import replace

from jobqueue.broker.messages import Recorded
from tests.support.broker import HOUR_MS, JOURNAL_BYTES, Broker


async def test_removed(broker: Broker) -> None:
    """A recorded end removes the job and the journal entry; nothing is left."""
    await broker.enqueue("a", "b")
    a, _b = await broker.fetch()
    await broker.finish(a)
    assert await broker.recorded() == 1
    assert not await broker.exists("a")
    assert await broker.exists("b")
    assert await broker.journal() == []


async def test_not_the_end(broker: Broker) -> None:
    """The row of an attempt that will be repeated leaves the job alone."""
    await broker.enqueue("retried", "released", "lost")
    retried, released, _lost = await broker.fetch()
    await broker.fail(retried)
    await broker.release(released)
    await broker.crash()
    assert await broker.recorded() == 0
    assert sorted(await broker.drain()) == ["lost", "released", "retried"]
    assert await broker.recorded() == 3


async def test_kept_result(broker: Broker) -> None:
    """A result lives on for its time, and can be asked for."""
    await broker.enqueue("a")
    await broker.finish(await broker.take(), fields=["result", "42"])
    assert await broker.recorded(keep_ms=HOUR_MS) == 1
    ttl = await broker.redis("PTTL", broker.keys.state(broker.queue, "a"))
    assert 0 < ttl <= HOUR_MS
    watched = await broker.watch("a")
    assert (watched.state, watched.payload) == ("succeeded", "42")
    assert await broker.redis("EXISTS", broker.keys.job(broker.queue, "a")) == 0


@pytest.mark.parametrize("then", ["waiting", "running", "ended"])
async def test_redriven_meanwhile(broker: Broker, then: str) -> None:
    """A late recorder leaves alone a job that was redriven meanwhile, wherever it is."""
    await broker.enqueue("a")
    dead = await broker.take()
    await broker.finish(dead, state="dead")
    late = await broker.recording(keep_ms=HOUR_MS)
    assert await broker.run(broker.redriving(dead.token, "a")) == "redriven"
    if then != "waiting":
        again = await broker.take()
    if then == "ended":
        await broker.finish(again)
    assert await broker.run(broker.calls.recorded(broker.queue, late, JOURNAL_BYTES)) == 0
    assert await broker.redis("EXISTS", broker.keys.job(broker.queue, "a")) == 1
    assert await broker.redis("PTTL", broker.keys.state(broker.queue, "a")) == -1
    if then == "running":
        assert await broker.finish(again) == "k"
    assert await broker.drain() == (["a"] if then == "waiting" else [])
    assert await broker.recorded() == 1


async def test_enqueued_again_meanwhile(broker: Broker) -> None:
    """A repeated recorded leaves a new job with the old id alone."""
    await broker.enqueue("a")
    await broker.finish(await broker.take())
    records = await broker.recording()
    call = broker.calls.recorded(broker.queue, records, JOURNAL_BYTES)
    assert await broker.run(call) == 1
    await broker.enqueue("a")
    assert await broker.run(call) == 0
    assert await broker.drain() == ["a"]


async def test_repeated(broker: Broker) -> None:
    """Repeating it changes nothing: not a result's time, not the size of the journal."""
    await broker.enqueue("a", "b")
    a, b = await broker.fetch()
    await broker.finish(a)
    call = broker.calls.recorded(broker.queue, await broker.recording(), JOURNAL_BYTES)
    await broker.finish(b)
    for _ in range(2):
        await broker.run(call)
        size = int(await broker.redis("GET", f"{broker.keys.journal(broker.queue)}:size"))
        assert size == len(b"\xdc\0\1" + broker.record(b, "succeeded"))
    assert [row.job_id for row in await broker.journal()] == ["b"]


async def test_bad_records(broker: Broker) -> None:
    """What PostgreSQL can't hold is kept raw, once, though the call is repeated."""
    await broker.enqueue("a")
    delivery = await broker.take()
    await broker.finish(delivery)
    [stub] = await broker.recording()
    journal = broker.keys.journal(broker.queue)
    entry = (await broker.redis("XADD", journal, "*", "r", b"\xc1 no record")).decode()
    row = broker.record(delivery, "succeeded")
    records = [replace(stub, bad=[row]), Recorded(entry, 12, 1, [], [b"\xc1 no record"])]
    for _ in range(2):
        await broker.run(broker.calls.recorded(broker.queue, records, JOURNAL_BYTES))
    kept = await broker.redis("XRANGE", broker.keys.journal_bad(broker.queue), "-", "+")
    assert [fields for _, fields in kept] == [
        [b"r", broker.record(delivery, "succeeded"), b"entry", stub.entry.encode()],
        [b"r", b"\xc1 no record", b"entry", entry.encode()],
    ]
    assert await broker.redis("XLEN", journal) == 0
    assert not await broker.exists("a")


async def test_two_recorders(broker: Broker) -> None:
    """Two recorders that wrote the same rows drop them once."""
    await broker.enqueue("a", "b", "c")
    for delivery in await broker.fetch():
        await broker.finish(delivery)
    records = await broker.recording()
    calls = [
        broker.calls.recorded(broker.queue, part, JOURNAL_BYTES)
        for part in (records[:2], records[1:])
    ]
    assert [await broker.run(call) for call in calls] == [2, 1]
    assert await broker.redis("EXISTS", f"{broker.keys.journal(broker.queue)}:size") == 0
    assert await broker.redis("EXISTS", broker.keys.journal_rows(broker.queue)) == 0


async def test_rows_are_counted(broker: Broker) -> None:
    """One entry holds all rows of a call, and people see how many wait for PostgreSQL."""
    await broker.enqueue("a", "b", "c")
    await broker.finish(*await broker.fetch())
    assert len(await broker.entries()) == 1
    assert int(await broker.redis("GET", broker.keys.journal_rows(broker.queue))) == 3
    assert await broker.recorded() == 3
    assert await broker.redis("EXISTS", broker.keys.journal_rows(broker.queue)) == 0


async def test_only_the_rows_that_count(broker: Broker) -> None:
    """Of one call's outcomes those that come too late leave no row."""
    await broker.enqueue("a", "b", "c")
    a, b, c = await broker.fetch()
    await broker.finish(b)
    assert await broker.finish(a, b, c) == "klk"
    assert [row.job_id for row in await broker.journal()] == ["b", "a", "c"]


async def test_nothing(broker: Broker) -> None:
    """An empty list is answered."""
    assert await broker.run(broker.calls.recorded(broker.queue, [], JOURNAL_BYTES)) == 0
