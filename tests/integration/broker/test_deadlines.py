"""A job that waits past its deadline is dead, wherever it waits; it costs no start and no slot."""

import json

import pytest

from jobqueue.domain.jobs import Asks
from tests.support.broker import HOUR_MS, Broker, ids
from tests.support.rules import limit, rate
from tests.support.waiting import wait_until

PAST = Asks(deadline=1)
OVER = "its deadline was over before it could start"


async def buried(broker: Broker, id_: str, attempts: int = 0, message: str = OVER) -> None:
    """Assert that a job is dead since its deadline is over, by one row without a run."""
    state = await broker.state(id_)
    assert (state["state"], json.loads(state["error"])["message"]) == ("dead", message)
    rows = [row for row in await broker.journal() if row.job_id == id_ and row.final]
    [row] = rows
    assert (row.outcome, row.reason, row.attempt) == ("timed_out", "deadline", attempts)
    assert (row.error_type, row.error_message) == ("TimeoutError", message)
    assert (row.started_us, row.worker, row.delivery) == (0, "", 0)
    assert await broker.redis("ZCARD", broker.keys.scope(broker.queue, "expiring")) == 0


@pytest.mark.parametrize("how", ["fetch", "promote"])
async def test_ready(broker: Broker, how: str) -> None:
    """Whoever comes first ends it; who waits for it hears of the error."""
    await broker.enqueue("a", asks=PAST)
    await broker.enqueue("b")
    await broker.watch("a")
    if how == "promote":
        assert (await broker.promote()).count == 1
    assert ids(await broker.fetch()) == ["b"]
    await buried(broker, "a")
    assert await broker.counts() == {"dead:job": 1, "running:job": 1}
    [told] = await broker.redis("LRANGE", broker.keys.inbox(broker.queue, "client"), 0, -1)
    assert OVER.encode() in told


async def test_parked_and_blocked(broker: Broker) -> None:
    """It ends behind a limit and in the line of a lock; the others move up."""
    await broker.declare(limit(1, "x"), names=["x"])
    soon = Asks(deadline=await broker.now_ms() + HOUR_MS)
    await broker.enqueue("first", "second", name="x")
    await broker.enqueue("parked", name="x", asks=soon)
    await broker.enqueue("third", name="x")
    await broker.enqueue("head", asks=Asks(lock="l"))
    await broker.enqueue("blocked", asks=Asks(lock="l", deadline_in=HOUR_MS))
    assert ids(await broker.fetch()) == ["first", "head"]
    assert await broker.parked("limit:job:x") == ["second", "parked", "third"]
    for id_ in ("parked", "blocked"):
        await broker.redis("ZADD", broker.keys.scope(broker.queue, "expiring"), 1, id_)
    assert (await broker.promote()).count == 2
    await buried(broker, "parked")
    await buried(broker, "blocked")
    assert await broker.line("l") == ["head"]
    assert await broker.parked("limit:job:x") == ["second", "third"]


async def test_no_start_of_a_rate(broker: Broker) -> None:
    """A rate lets the next one start instead of a job that a fetch finds past its deadline."""
    await broker.declare(rate(1, name="x"), names=["x"])
    await broker.enqueue("late", name="x", asks=PAST)
    await broker.enqueue("next", name="x")
    assert ids(await broker.fetch()) == ["next"]
    await buried(broker, "late")


async def test_it_runs_past_it(broker: Broker) -> None:
    """The sweep leaves a running job to its worker; handed back past its deadline it is dead."""
    due = await broker.now_ms() + 1000
    await broker.enqueue("a", asks=Asks(deadline=due))
    delivery = await broker.take()

    async def over() -> bool:
        return await broker.now_ms() > due

    await wait_until(over, description="its deadline")
    assert ((await broker.promote()).next_ms or 0) > due
    assert ids(await broker.recover()) == ["a"]
    await broker.release(delivery)
    assert await broker.fetch() == []
    await buried(broker, "a")


async def test_it_starts_before_it_expires(broker: Broker) -> None:
    """A job with both times expires at the one; once it has started the other remains."""
    now = await broker.now_ms()
    both = Asks(expires=now + HOUR_MS, deadline=now + 2 * HOUR_MS)
    await broker.enqueue("a", asks=both)
    assert (await broker.promote()).next_ms == both.expires
    await broker.take()
    assert (await broker.promote()).next_ms == both.deadline


async def test_the_last_error(broker: Broker) -> None:
    """It says what its last attempt failed with; a job that was put back knows it no more."""
    asks = Asks(deadline=await broker.now_ms() + 1500)
    await broker.enqueue("a", asks=asks)
    failed = ["attempts", 1, "delay", HOUR_MS, "last", "ValueError: real cause"]
    await broker.fail(await broker.take(), HOUR_MS, fields=failed)

    async def over() -> bool:
        return await broker.now_ms() > (asks.deadline or 0)

    await wait_until(over, description="its deadline")
    await broker.promote()
    await buried(broker, "a", 1, f"{OVER}; last error: ValueError: real cause")
    [dead] = [row for row in await broker.journal() if row.final]
    call = broker.redriving(dead.id, "a", 1, asks=asks)
    assert await broker.run(call) == "redriven"
    assert (await broker.promote()).count == 0
    again = await broker.take()
    assert (again.id, again.run, again.attempts, again.last) == ("a", 1, 0, "")
