"""``cancel`` ends a job that waits, tells the worker of one that runs, and changes nothing else."""

import pytest

from jobqueue.domain.jobs import Asks
from tests.support import keyspace
from tests.support.broker import HOUR_MS, Broker, ids
from tests.support.ways import ENDS, LIVES, WAITS, Way

STATES = {
    "ready": "ready", "retrying": "retrying", "snoozed": "scheduled", "released": "ready",
    "reclaimed": "ready", "parked": "blocked", "poison": "ready",
}  # fmt: skip


@pytest.mark.parametrize("way", WAITS.values(), ids=WAITS)
async def test_waiting(broker: Broker, way: Way) -> None:
    """Wherever it waits it ends at once, by one row with the reason, and never runs again."""
    await broker.enqueue("a")
    await broker.watch("a")
    await way(broker, "a")
    before = [row.id for row in await broker.journal()]
    assert await broker.cancel("a", "because") == STATES[way.__name__]
    assert await broker.cancel("a", "again") == "cancelled"
    [row] = [row for row in await broker.journal() if row.id not in before]
    assert (row.outcome, row.final) == ("cancelled", True)
    deliveries, attempts = LIVES[way.__name__]
    assert (row.attempt, row.delivery) == (attempts, 0), "it is the row of no delivery"
    live = await broker.state("a")
    assert int(live["deliveries"]) == deliveries
    assert (row.reason, row.error_message) == ("cancelled", "because")
    assert (await broker.watch("a")).state == "cancelled"
    assert await broker.redis("LLEN", broker.keys.inbox(broker.queue, "client")) == 1
    assert keyspace.miscounted(broker.url) == []
    await broker.mature("a")
    assert await broker.drain() == []
    await broker.recorded()
    assert not await broker.exists("a")
    assert await broker.enqueue("a") == "c"


async def test_scheduled(broker: Broker) -> None:
    """A job that waits for its time ends before it."""
    await broker.enqueue("a", "b", delay_ms=HOUR_MS)
    assert await broker.cancel("a") == "scheduled"
    assert await broker.redis("ZCARD", broker.keys.scheduled(broker.queue)) == 1
    assert await broker.counts() == {"scheduled:job": 1, "cancelled:job": 1}


@pytest.mark.parametrize("end", [*ENDS.values()], ids=ENDS)
async def test_ended(broker: Broker, end: Way) -> None:
    """A job that has ended stays what it is, before and after the recorder came."""
    await broker.enqueue("a")
    await end(broker, "a")
    state, rows = (await broker.state("a"))["state"], len(await broker.journal())
    assert await broker.cancel("a") == state
    assert len(await broker.journal()) == rows
    await broker.recorded(keep_ms=HOUR_MS)
    assert await broker.cancel("a") == ("" if state == "succeeded" else state), "that left nothing"
    assert await broker.cancel("unknown") == ""
    assert not await broker.exists("unknown")


async def test_running(broker: Broker) -> None:
    """The worker is told by the token of the delivery; the job runs until that ends it."""
    await broker.enqueue("a", "b")
    a, b = await broker.fetch()
    for _ in range(2):
        assert await broker.cancel("a") == "running"
    assert set(await broker.told()) == {a.token}
    assert 0 < await broker.redis("PTTL", broker.keys.tell(broker.queue, "w1")) <= 60_000
    assert await broker.journal() == []
    assert await broker.finish(a, state="cancelled") == "k"
    assert (await broker.state("a"))["state"] == "cancelled"
    assert await broker.finish(b) == "k"


async def test_running_and_succeeds(broker: Broker) -> None:
    """A job that ends by itself before its worker hears of it has succeeded, or is dead."""
    await broker.enqueue("a", "b")
    a, b = await broker.fetch()
    await broker.cancel("a")
    await broker.cancel("b")
    assert await broker.finish(a) == "k"
    assert await broker.finish(b, state="dead") == "k"
    assert await broker.counts() == {"succeeded:job": 1, "dead:job": 1}


async def test_running_may_not_go_on(broker: Broker) -> None:
    """A cancelled job is neither tried again, nor put off, nor handed back; it is cancelled."""
    await broker.enqueue("a")
    delivery = await broker.take()
    await broker.cancel("a")
    assert await broker.fail(delivery) == "c"
    assert await broker.snooze(delivery) == "c"
    assert await broker.release(delivery) == "c"
    assert await broker.journal() == []
    assert await broker.renew() == 1
    assert await broker.finish(delivery, state="cancelled") == "k"
    assert [row.outcome for row in await broker.journal()] == ["cancelled"]


async def test_running_and_dies(broker: Broker) -> None:
    """A cancelled job whose worker dies is not run again, whatever its budget."""
    await broker.enqueue("a")
    await broker.watch("a")
    await broker.take()
    await broker.cancel("a")
    taken = await broker.crash()
    assert (taken.returned, taken.ended) == (0, 1)
    [row] = await broker.journal()
    assert (row.outcome, row.final, row.reason) == ("cancelled", True, "cancelled")
    assert row.error_type is None
    found = await broker.watch("a")
    assert (found.state, found.payload) == ("cancelled", "")
    assert "error" not in await broker.state("a")


async def test_redriven(broker: Broker) -> None:
    """A cancellation concerns one run: a dead letter that is put back knows nothing of it."""
    await broker.enqueue("a")
    dead = await broker.take()
    await broker.cancel("a")
    await broker.finish(dead, state="dead")
    await broker.redrive(dead)
    again = await broker.take()
    assert await broker.fail(again) == "k"
    await broker.promote()
    await broker.cancel("a")
    rows = [row for row in await broker.journal() if row.final]
    assert [(row.run, row.outcome) for row in rows] == [(0, "failed"), (1, "cancelled")]


@pytest.mark.parametrize("first", ["cancel", "fetch"])
async def test_against_a_fetch(broker: Broker, first: str) -> None:
    """Either it never starts, or its worker is told: nothing in between."""
    await broker.enqueue("a")
    if first == "cancel":
        assert await broker.cancel("a") == "ready"
        assert await broker.fetch() == []
        assert await broker.told() == []
    else:
        delivery = await broker.take()
        assert await broker.cancel("a") == "running"
        assert await broker.told() == [delivery.token]


@pytest.mark.parametrize("first", ["cancel", "finish"])
async def test_against_a_finish(broker: Broker, first: str) -> None:
    """A job that succeeds at that moment has succeeded, and is never cancelled as well."""
    await broker.enqueue("a")
    delivery = await broker.take()
    if first == "cancel":
        assert await broker.cancel("a") == "running"
        assert await broker.finish(delivery) == "k"
    else:
        await broker.finish(delivery)
        assert await broker.cancel("a") == "succeeded"
        assert await broker.told() == []
    assert [row.outcome for row in await broker.journal()] == ["succeeded"]


@pytest.mark.parametrize("first", ["cancel", "retry"])
async def test_against_a_retry(broker: Broker, first: str) -> None:
    """It is cancelled once, before or after the worker let it go."""
    await broker.enqueue("a", asks=Asks(lock="l"))
    delivery = await broker.take()
    if first == "cancel":
        await broker.cancel("a")
        assert await broker.fail(delivery) == "c"
        await broker.finish(delivery, state="cancelled")
    else:
        await broker.fail(delivery)
        assert await broker.cancel("a") == "retrying"
    await broker.promote()
    assert await broker.drain() == []
    assert [row.final for row in await broker.journal()][-1]
    assert sum(row.final for row in await broker.journal()) == 1


@pytest.mark.parametrize("first", ["cancel", "reclaim"])
async def test_against_a_reclaim(broker: Broker, first: str) -> None:
    """It is cancelled once, whether its worker is known to be dead or not yet."""
    await broker.enqueue("a")
    stale = await broker.take()
    if first == "cancel":
        assert await broker.cancel("a") == "running"
        await broker.crash()
    else:
        await broker.crash()
        assert await broker.cancel("a") == "ready"
    assert await broker.finish(stale, state="cancelled") == "l"
    assert await broker.drain() == []
    assert sum(row.final for row in await broker.journal()) == 1


async def test_odd_ids(broker: Broker) -> None:
    """An id may hold anything printable."""
    for id_ in ("~a{}[]'\"%s", "-", "(b", "*", "a:b:c"):
        await broker.enqueue(id_)
        assert await broker.cancel(id_, "grüße 😀") == "ready"
    assert ids(await broker.fetch()) == []
