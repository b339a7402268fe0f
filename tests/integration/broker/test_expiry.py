"""A job that has not started by its time ends as expired, wherever it waits; another never does."""

import pytest

from jobqueue.domain.jobs import Asks
from tests.support.broker import HOUR_MS, Broker, ids
from tests.support.rules import limit
from tests.support.waiting import wait_until
from tests.support.ways import WAITS, Way, running

PAST = Asks(expires=1)


async def expired(broker: Broker, id_: str) -> None:
    """Assert that a job ended as expired, by one row without a run."""
    assert (await broker.state(id_))["state"] == "expired"
    [row] = [row for row in await broker.journal() if row.job_id == id_]
    assert (row.outcome, row.final, row.attempt, row.delivery) == ("expired", True, 0, 0)
    assert (row.started_us, row.worker) == (0, "")


@pytest.mark.parametrize("how", ["fetch", "promote"])
async def test_ready(broker: Broker, how: str) -> None:
    """Whoever comes first ends it: a fetch that meets it, or a scheduler; it is never delivered."""
    await broker.enqueue("a", asks=PAST)
    await broker.enqueue("b")
    await broker.watch("a")
    if how == "promote":
        assert (await broker.promote()).count == 1
    assert ids(await broker.fetch()) == ["b"]
    await expired(broker, "a")
    assert await broker.counts() == {"expired:job": 1, "running:job": 1}
    assert await broker.redis("LLEN", broker.keys.inbox(broker.queue, "client")) == 1
    assert (await broker.promote()).count == 0


async def test_not_yet(broker: Broker) -> None:
    """Before its time nothing happens to it, and the scheduler knows when it comes."""
    due = await broker.now_ms() + HOUR_MS
    await broker.enqueue("a", asks=Asks(expires=due))
    promoted = await broker.promote()
    assert (promoted.count, promoted.next_ms) == (0, due)
    assert ids(await broker.fetch()) == ["a"]
    assert (await broker.promote()).next_ms is None


async def test_within(broker: Broker) -> None:
    """A time from now on counts from when the server stored the job, by its clock."""
    before = await broker.now_ms()
    await broker.enqueue("a", asks=Asks(within=HOUR_MS))
    due = (await broker.promote()).next_ms or 0
    assert before + HOUR_MS <= due <= await broker.now_ms() + HOUR_MS
    await broker.enqueue("b", asks=Asks(within=0))
    assert ids(await broker.fetch()) == ["a"]
    await expired(broker, "b")
    assert (await broker.promote()).next_ms is None


async def test_scheduled_blocked_and_parked(broker: Broker) -> None:
    """It ends while it waits for its time, for a lock or for a limit; the others move up."""
    await broker.declare(limit(1, "x"), names=["x"])
    soon = Asks(expires=await broker.now_ms() + HOUR_MS)
    await broker.enqueue("first", "second", name="x")
    await broker.enqueue("parked", name="x", asks=soon)
    await broker.enqueue("third", name="x")
    await broker.enqueue("head", asks=Asks(lock="l"))
    await broker.enqueue("blocked", asks=Asks(lock="l", expires=soon.expires))
    await broker.enqueue("later", asks=soon, delay_ms=HOUR_MS)
    assert ids(await broker.fetch()) == ["first", "head"]
    assert await broker.parked("limit:job:x") == ["second", "parked", "third"]
    expiring = broker.keys.scope(broker.queue, "expiring")
    for id_ in ("parked", "blocked", "later"):
        await broker.redis("ZADD", expiring, 1, id_)
    assert (await broker.promote()).count == 3
    for id_ in ("parked", "blocked", "later"):
        await expired(broker, id_)
    assert await broker.line("l") == ["head"]
    assert await broker.parked("limit:job:x") == ["second", "third"]
    assert (await broker.promote()).next_ms is None


@pytest.mark.parametrize(
    "way",
    [way for name, way in WAITS.items() if name not in {"ready", "parked"}] + [running],
    ids=lambda way: way.__name__,
)
async def test_started_once(broker: Broker, way: Way) -> None:
    """A job that has started once does not expire, whatever it waits for afterwards."""
    await broker.enqueue("a", asks=Asks(expires=await broker.now_ms() + HOUR_MS))
    await way(broker, "a")
    state = (await broker.state("a"))["state"]
    assert await broker.redis("ZCARD", broker.keys.scope(broker.queue, "expiring")) == 0
    # As a fetch leaves it that stopped half way.
    await broker.redis("ZADD", broker.keys.scope(broker.queue, "expiring"), 1, "a")
    await broker.promote()
    assert (await broker.state("a"))["state"] == state
    assert await broker.redis("ZCARD", broker.keys.scope(broker.queue, "expiring")) == 0


async def test_many(broker: Broker) -> None:
    """A call ends as many as its limit; the next due time says that there are more."""
    await broker.enqueue(*(f"job-{n}" for n in range(25)), asks=PAST)
    for left in (15, 5, 0):
        promoted = await broker.promote(10)
        assert (promoted.next_ms is None) == (left == 0)
        assert (await broker.counts()).get("ready:job", 0) == left


async def test_keys_are_freed(broker: Broker) -> None:
    """Its unique key, its idempotency key and its lock go to others."""
    asks = Asks(unique="k", idem="i", print="p", keep=HOUR_MS, lock="l", expires=1)
    await broker.enqueue("a", asks=asks)
    await broker.enqueue("b", asks=Asks(lock="l"))
    await broker.swallow()
    await broker.promote()
    assert await broker.token() == 1
    assert ids(await broker.fetch()) == ["b"]
    assert await broker.enqueue("c", asks=Asks(unique="k")) == "c"
    assert await broker.enqueue("d", asks=Asks(idem="i", print="q")) == "c"


async def test_redriven(broker: Broker) -> None:
    """A dead letter that is put back does not expire."""
    asks = Asks(expires=await broker.now_ms() + 2500)
    await broker.enqueue("a", asks=asks)
    dead = await broker.take()
    await broker.finish(dead, state="dead")

    async def over() -> bool:
        return await broker.now_ms() > (asks.expires or 0)

    await wait_until(over, description="it would have expired")
    assert await broker.redrive(dead, asks=asks) == "redriven"
    assert (await broker.promote()).count == 0
    assert ids(await broker.fetch()) == ["a"]
