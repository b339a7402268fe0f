"""At ``maxmemory`` nothing new is taken in, whole; everything that lives goes on."""

from collections.abc import AsyncIterator, Awaitable
from typing import Any

import pytest
from msgspec.structs import replace

from jobqueue.broker.failures import AnswerLost
from jobqueue.broker.scripts import script
from jobqueue.domain.errors import BrokerUnavailable
from tests.support.broker import HOUR_MS, OVER, Broker, ids


@pytest.fixture
async def full(broker: Broker) -> AsyncIterator[Broker]:
    """A server without memory, with jobs in every state; scripts must be sent anew."""
    await broker.enqueue(*(f"job-{n}" for n in range(6)))
    await broker.enqueue("later", delay_ms=HOUR_MS)
    await broker.mature("later")
    await broker.redis("SCRIPT", "FLUSH")
    await broker.redis("CONFIG", "SET", "maxmemory", "1")
    yield broker
    await broker.redis("CONFIG", "SET", "maxmemory", "0")


async def refused(step: Awaitable[Any]) -> None:
    """Assert that a step is refused as something to repeat, and surely not carried out."""
    with pytest.raises(BrokerUnavailable, match=r"OOM|maxmemory") as caught:
        await step
    assert not isinstance(caught.value, AnswerLost)


async def dump(broker: Broker) -> dict[bytes, bytes]:
    """Return everything that is stored."""
    keys = sorted(await broker.redis("KEYS", "*"))
    return {key: await broker.redis("DUMP", key) for key in keys}


@pytest.mark.parametrize("loaded", [False, True])
async def test_new_work_is_refused(full: Broker, loaded: bool) -> None:
    """Enqueue, fire and redrive are refused whole, also when Redis knows the scripts already."""
    if loaded:
        for name in ("enqueue", "fire", "redrive"):
            await full.redis("SCRIPT", "LOAD", script(name).source)
    before = await dump(full)
    await refused(full.enqueue("new"))
    await refused(full.enqueue(*(f"new-{n}" for n in range(100)), delay_ms=1))
    await refused(full.run(full.firing("nightly", await full.now_ms())))
    await refused(full.run(full.redriving("letter", "dead")))
    assert await dump(full) == before


async def test_refused_and_repeated(full: Broker) -> None:
    """A refused call, repeated with its number when there is memory, is carried out."""
    call = full.enqueuing("new")
    await refused(full.run(call))
    await full.redis("CONFIG", "SET", "maxmemory", "0")
    assert await full.run(call) == "c"


async def test_everything_else_goes_on(full: Broker) -> None:
    """Fetch, renew, finish, release, promote, reclaim, recover, recorded and watch go on."""
    a, b, c, d = await full.fetch(slots=4)
    assert await full.renew() == 4
    assert len(await full.recover(lease_ms=OVER)) == 4
    assert (await full.watch(a.id)).state == "waiting"
    assert await full.finish(a) == "k"
    assert await full.fail(b, HOUR_MS) == "k"
    assert await full.release(c) == "k"
    assert (await full.promote()).count == 1
    assert (await full.reclaim()).returned == 1
    assert await full.recorded() == 1
    assert ids(await full.fetch("w2", 9)) == [c.id, d.id, "job-4", "job-5", "later"]


async def test_drains(full: Broker) -> None:
    """A full server works off what it has, and then takes new jobs again."""
    assert sorted(await full.drain()) == sorted([*(f"job-{n}" for n in range(6)), "later"])
    assert await full.recorded() == 7
    await full.redis("CONFIG", "SET", "maxmemory", "0")
    assert await full.enqueue("new") == "c"


async def test_bad_records_go_on(full: Broker) -> None:
    """A record that PostgreSQL refused does not keep the journal full: it only moves."""
    await full.finish(*await full.fetch(slots=1))
    records = [replace(entry, bad=(b"raw",)) for entry in await full.recording()]
    assert await full.run(full.calls.recorded(full.queue, records, 1)) == 1
    assert await full.redis("XLEN", full.keys.journal_bad(full.queue)) == 1
