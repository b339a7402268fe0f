"""An idempotency key makes one job of many calls, for a time also after its run."""

import asyncio

import pytest

from jobqueue.broker import operations
from jobqueue.broker.servers import Server
from jobqueue.domain.jobs import Asks
from tests.support.broker import HOUR_MS, Broker
from tests.support.ways import ENDS, WAITS, Way, cancel_waiting, parked, running

SAME = Asks(idem="i", print="p", keep=HOUR_MS)
OTHER = Asks(idem="i", print="q", keep=HOUR_MS)
RAN = {name: end for name, end in ENDS.items() if end is not cancel_waiting}


@pytest.mark.parametrize("way", [*WAITS.values(), running], ids=lambda way: way.__name__)
async def test_before_the_end(broker: Broker, way: Way) -> None:
    """While the job waits or runs, an equal one is it, and one with other arguments an error."""
    assert await broker.enqueue("a", asks=SAME) == "c"
    await way(broker, "a")
    assert await broker.enqueue("b", asks=SAME) == "d\na"
    assert await broker.enqueue("c", asks=OTHER) == "m\na"
    assert await broker.redis("PTTL", broker.keys.scope(broker.queue, "idem:i")) == -1


@pytest.mark.parametrize("end", RAN.values(), ids=RAN)
async def test_after_the_end(broker: Broker, end: Way) -> None:
    """However a job ends that a worker had, its key is remembered for the time it asked for."""
    await broker.enqueue("a", asks=SAME)
    await end(broker, "a")
    assert 0 < await broker.redis("PTTL", broker.keys.scope(broker.queue, "idem:i")) <= HOUR_MS
    for _ in range(2):
        assert await broker.enqueue("b", asks=SAME) == "d\na"
        assert await broker.enqueue("c", asks=OTHER) == "m\na"
        await broker.recorded()
    assert await broker.enqueue("a", asks=SAME) == "d\na", "the id is free, the key is not"
    await broker.redis("PEXPIRE", broker.keys.scope(broker.queue, "idem:i"), 0)
    assert await broker.enqueue("b", asks=OTHER) == "c"


async def expire(broker: Broker, _: str) -> None:
    """Expire before anybody asks for it."""
    await broker.promote()


async def purge(broker: Broker, id_: str) -> None:
    """Be one of many."""
    call = operations.sweep(
        broker.keys, broker.queue, [id_], {}, ends=True, word="purged", reason=""
    )
    assert (await broker.lane.call(call)).waited == 1


async def delete(broker: Broker, id_: str) -> None:
    """Be deleted."""
    call = operations.delete(broker.keys, broker.queue, id_, "")
    assert await broker.lane.call(call) == "ready"


async def cancel_parked(broker: Broker, id_: str) -> None:
    """Wait for a limit, and be cancelled there."""
    await parked(broker, id_)
    assert await broker.cancel(id_) == "blocked"


@pytest.mark.parametrize(
    "end", [cancel_waiting, cancel_parked, purge, delete, expire], ids=lambda way: way.__name__
)
async def test_never_started(broker: Broker, end: Way) -> None:
    """A job that ended before any worker had it has done nothing: its key is free at once."""
    asks = Asks(idem="i", print="p", keep=HOUR_MS, expires=1 if end is expire else None)
    await broker.enqueue("a", asks=asks)
    await end(broker, "a")
    assert await broker.value("idem:i") is None
    assert await broker.enqueue("b", asks=OTHER) == "c"
    await broker.recorded()
    assert await broker.enqueue("c", asks=OTHER) == "d\nb", "the end of the first frees no more"


async def test_replaced(broker: Broker) -> None:
    """A replaced job's request is remembered: come again late, it must not replace the newer."""
    first = Asks(idem="i", print="p", keep=HOUR_MS, unique="k", conflict="replace")
    await broker.enqueue("a", asks=first)
    assert await broker.enqueue("b", asks=Asks(unique="k", conflict="replace")) == "r\na"
    assert await broker.enqueue("c", asks=first) == "d\na"
    assert await broker.drain() == ["b"]


async def test_many_at_once(broker: Broker) -> None:
    """Fifty producers with one key make one job, and all learn which."""

    async def produce(n: int) -> str:
        async with Server(broker.url).lane() as lane:
            return await lane.call(broker.enqueuing(f"job-{n}", asks=SAME, caller=f"p{n}"))

    letters = await asyncio.gather(*(produce(n) for n in range(50)))
    assert sorted(answer[0] for answer in letters) == ["c"] + ["d"] * 49
    [ran] = await broker.drain()
    assert {answer.partition("\n")[2] for answer in letters} == {"", ran}


async def test_twice_in_a_batch(broker: Broker) -> None:
    """The second of two jobs in one call is the first."""
    assert await broker.enqueue("a", "b", asks=SAME) == "cd\na"


async def test_before_unique(broker: Broker) -> None:
    """A repeated call is a duplicate of its own job, not a conflict with it."""
    asks = Asks(idem="i", print="p", keep=HOUR_MS, unique="k", conflict="replace")
    assert await broker.enqueue("a", asks=asks) == "c"
    assert await broker.enqueue("b", asks=asks) == "d\na"
    assert await broker.drain() == ["a"]


async def test_refused_takes_nothing(broker: Broker) -> None:
    """A job that its unique key keeps out leaves no idempotency key."""
    await broker.enqueue("a", asks=Asks(unique="k"))
    assert await broker.enqueue("b", asks=Asks(unique="k", idem="i", print="p", keep=1)) == "u\na"
    assert await broker.value("idem:i") is None


async def test_redrive(broker: Broker) -> None:
    """A dead letter that runs again remembers its key anew, unless another job has it."""
    await broker.enqueue("a", asks=SAME)
    dead = await broker.take()
    await broker.finish(dead, state="dead")
    await broker.recorded()
    assert await broker.redrive(dead, asks=SAME) == "redriven"
    key = broker.keys.scope(broker.queue, "idem:i")
    assert await broker.redis("PTTL", key) == -1
    await broker.finish(again := await broker.take(), state="dead")
    assert await broker.redis("PTTL", key) > 0
    await broker.recorded()
    await broker.redis("DEL", key)
    await broker.enqueue("b", asks=OTHER)
    assert await broker.redrive(again, asks=SAME) == "redriven"
    assert await broker.value("idem:i") == "q b"
    assert sorted(await broker.drain()) == ["a", "b"]
    assert await broker.enqueue("c", asks=OTHER) == "d\nb"


@pytest.mark.parametrize("key", ["with space", "ключ", "a=b:c{d}", "😀"])
async def test_odd_keys(broker: Broker, key: str) -> None:
    """A key may hold anything, and so may the id that it names."""
    asks = Asks(idem=key, print="p", keep=HOUR_MS)
    assert await broker.enqueue("~id/:{}[]'\"%s", asks=asks) == "c"
    assert await broker.enqueue("b", asks=asks) == "d\n~id/:{}[]'\"%s"
    await broker.drain()
    assert await broker.enqueue("b", asks=asks) == "d\n~id/:{}[]'\"%s"


async def test_left_by_a_producer(broker: Broker) -> None:
    """A key whose job was never stored, since the script stopped, is nobody's."""
    await broker.redis("SET", broker.keys.scope(broker.queue, "idem:i"), "p never")
    assert await broker.enqueue("a", asks=OTHER) == "c"
