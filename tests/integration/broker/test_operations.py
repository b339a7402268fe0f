"""What operators do to jobs that wait: delete, prioritise, hasten, sweep."""

from typing import Any

import pytest

from jobqueue.broker import operations
from jobqueue.broker.operations import Looked
from jobqueue.domain.jobs import Asks, Spec
from tests.support import keyspace
from tests.support.broker import HOUR_MS, Broker, ids
from tests.support.rules import limit
from tests.support.stopping import ALL, KEYED, LOCK, all_over, at_every_write, stops
from tests.support.ways import ENDS, LIVES, WAITS, Way

from .test_cancel import STATES


async def delete(broker: Broker, id_: str) -> str:
    """Delete a job; return its state before."""
    return await broker.run(operations.delete(broker.keys, broker.queue, id_, "because"))


async def prioritise(broker: Broker, id_: str, priority: int) -> str:
    """Give a job another priority; return its state."""
    return await broker.run(operations.prioritise(broker.keys, broker.queue, id_, priority))


async def hasten(broker: Broker, id_: str) -> str:
    """Run a job now; return its state before."""
    return await broker.run(operations.hasten(broker.keys, broker.queue, id_))


def sweeping(broker: Broker, *names: str, ends: bool = True, **fits: Any) -> Any:
    """Make the call that ends those jobs that fit."""
    keys, queue = broker.keys, broker.queue
    return operations.sweep(keys, queue, names, fits, ends=ends, word="purged", reason="because")


@pytest.mark.parametrize("way", WAITS.values(), ids=WAITS)
async def test_delete_waiting(broker: Broker, way: Way) -> None:
    """Wherever it waits it ends by one row that says so, and frees its id."""
    await broker.enqueue("a", asks=Asks(unique="k", lock="l"))
    await way(broker, "a")
    assert await delete(broker, "a") == STATES[way.__name__]
    assert await delete(broker, "a") == "cancelled"
    row = (await broker.journal())[-1]
    assert (row.outcome, row.final) == ("cancelled", True)
    assert row.attempt == LIVES[way.__name__][1]
    assert (row.reason, row.error_message) == ("deleted", "because")
    assert keyspace.miscounted(broker.url) == []
    assert await broker.enqueue("b", asks=Asks(unique="k", lock="l")) == "c"
    await broker.set_rule(limit(None))
    assert await broker.drain() == ["b"]
    await broker.recorded()
    assert not await broker.exists("a")


async def test_delete_running(broker: Broker) -> None:
    """A running job is left alone."""
    await broker.enqueue("a")
    delivery = await broker.take()
    assert await delete(broker, "a") == "running"
    assert await broker.told() == []
    assert await broker.finish(delivery) == "k"


@pytest.mark.parametrize("end", [*ENDS.values()], ids=ENDS)
async def test_delete_ended(broker: Broker, end: Way) -> None:
    """One that has ended stays ended, with its row; what is kept of it goes."""
    await broker.enqueue("a")
    await end(broker, "a")
    state, rows = (await broker.state("a"))["state"], len(await broker.journal())
    assert await delete(broker, "a") == state
    assert len(await broker.journal()) == rows
    await broker.recorded(keep_ms=HOUR_MS)
    assert not await broker.exists("a")
    assert await delete(broker, "a") == ""


async def test_delete_before_the_recorder_came(broker: Broker) -> None:
    """Until then who waits is told the result; a job that is put back begins anew."""
    await broker.enqueue("a", "b")
    a, b = await broker.fetch()
    await broker.finish(a, fields=["result", "1"])
    await broker.finish(b, state="dead", fields=["error", "{}"])
    assert [await delete(broker, id_) for id_ in "ab"] == ["succeeded", "dead"]
    assert [(await broker.watch(id_)).payload for id_ in "ab"] == ["1", "{}"]
    assert await broker.redrive(b) == "redriven"
    await broker.finish(await broker.take(), fields=["result", "2"])
    await broker.recorded(keep_ms=HOUR_MS)
    assert not await broker.exists("a")
    assert (await broker.watch("b")).payload == "2"


async def test_delete_result(broker: Broker) -> None:
    """A kept result goes at once; others that wait for the same key are let in."""
    await broker.enqueue("a", "b", asks=Asks(lock="l"))
    await broker.finish(await broker.take(), fields=["result", "1"])
    await broker.recorded(keep_ms=HOUR_MS)
    assert (await broker.state("a"))["result"] == "1"
    assert await delete(broker, "a") == "succeeded"
    assert not await broker.exists("a")
    assert await broker.drain() == ["b"]


@pytest.mark.parametrize("way", WAITS.values(), ids=WAITS)
async def test_prioritise(broker: Broker, way: Way) -> None:
    """Wherever it waits it gets its new priority, and none of what it holds is lost."""
    await broker.enqueue("a", asks=Asks(unique="k"))
    await way(broker, "a")
    await broker.enqueue("b", priority=1)
    assert await prioritise(broker, "a", 0) == STATES[way.__name__]
    assert await prioritise(broker, "a", 0) == STATES[way.__name__]
    assert keyspace.miscounted(broker.url) == []
    keyspace.check(broker.url)
    assert await broker.enqueue("c", asks=Asks(unique="k")) == "u\na"
    await broker.set_rule(limit(None))
    await broker.mature("a")
    await broker.promote()
    delivery = await broker.take("w2")
    assert (delivery.id, delivery.priority) == ("a", 0)
    await broker.finish(delivery, worker="w2")
    assert await broker.drain() == ["b"]


async def test_prioritise_order(broker: Broker) -> None:
    """Among those of its new priority it comes last; in a line behind a lock it keeps its place."""
    await broker.enqueue("a", "b", priority=1)
    await broker.enqueue("c", "d")
    await prioritise(broker, "d", 1)
    assert await broker.drain() == ["a", "b", "d", "c"]
    await broker.enqueue("head", "x", "y", asks=LOCK)
    assert await prioritise(broker, "y", 0) == "blocked"
    assert await broker.drain() == ["head", "x", "y"]
    assert [row.priority for row in (await broker.journal())[-3:]] == [2, 2, 0]


async def test_prioritise_parked(broker: Broker) -> None:
    """Among those that a limit keeps aside, the new priority counts."""
    await broker.set_rule(limit(0))
    await broker.enqueue("a", "b", "c")
    await broker.fetch()
    await prioritise(broker, "c", 0)
    assert await broker.parked("limit:job:job") == ["c", "a", "b"]
    await broker.set_rule(limit(1))
    assert await broker.drain() == ["c", "a", "b"]


async def test_prioritise_others(broker: Broker) -> None:
    """A job that runs or has ended keeps its priority; one that is not there is not made."""
    await broker.enqueue("a")
    delivery = await broker.take()
    assert await prioritise(broker, "a", 0) == "running"
    await broker.finish(delivery)
    assert await prioritise(broker, "a", 0) == "succeeded"
    assert await prioritise(broker, "gone", 0) == ""
    assert not await broker.exists("gone")


@pytest.mark.parametrize("way", ["scheduled", "retrying", "snoozed"])
async def test_hasten(broker: Broker, way: str) -> None:
    """A job that waits for a time is ready at once, and a worker is woken."""
    await broker.enqueue("a", delay_ms=HOUR_MS if way == "scheduled" else None)
    if way != "scheduled":
        await WAITS[way](broker, "a")
    await broker.swallow()
    assert await hasten(broker, "a") == ("retrying" if way == "retrying" else "scheduled")
    assert await hasten(broker, "a") == "ready"
    assert await broker.token() == 1
    assert keyspace.miscounted(broker.url) == []
    assert await broker.redis("EXISTS", broker.keys.scheduled(broker.queue)) == 0
    assert ids(await broker.fetch("w2")) == ["a"]
    assert await hasten(broker, "a") == "running"
    assert await hasten(broker, "gone") == ""


async def test_hasten_behind_a_lock(broker: Broker) -> None:
    """It stands in the line of its lock like any other."""
    await broker.enqueue("head", asks=LOCK)
    await broker.enqueue("a", asks=LOCK, delay_ms=HOUR_MS)
    assert await hasten(broker, "a") == "scheduled"
    assert (await broker.state("a"))["state"] == "blocked"
    assert await broker.drain() == ["head", "a"]


async def everywhere(broker: Broker) -> None:
    """Let jobs wait in every way, one run, and one stand behind each lock."""
    await broker.enqueue("run", asks=Asks(lock="r"))
    await broker.take("busy")
    await broker.enqueue("behind", asks=Asks(lock="r"))
    await broker.enqueue("retry")
    await broker.fail(await broker.take(), HOUR_MS)
    await broker.set_rule(limit(0, "limited"))
    await broker.enqueue("parked", name="limited")
    assert await broker.fetch() == []
    await broker.enqueue("head", "line", asks=Asks(lock="h", unique=None))
    await broker.enqueue("low", priority=3)
    await broker.enqueue("later", delay_ms=HOUR_MS)


EVERY = ("behind", "retry", "parked", "line", "head", "low", "later", "run")


async def test_sweep(broker: Broker) -> None:
    """All that waits ends by one row each; what runs goes on and keeps its lock."""
    await everywhere(broker)
    counted: Looked = await broker.run(sweeping(broker, *EVERY, ends=False))
    assert (counted.waited, counted.told, sorted(counted.lines)) == (7, 0, ["h", "r"])
    rows = len(await broker.journal())
    done: Looked = await broker.run(sweeping(broker, *EVERY))
    assert (done.waited, done.told) == (7, 0)
    assert (await broker.run(sweeping(broker, *EVERY))).waited == 0
    ends = (await broker.journal())[rows:]
    assert {(row.outcome, row.reason, row.error_message) for row in ends} == {
        ("cancelled", "purged", "because")
    }
    assert sorted(row.job_id for row in ends) == sorted({*EVERY} - {"run"})
    assert keyspace.miscounted(broker.url) == []
    assert await broker.line("r") == ["run"]
    await broker.finish(*await broker.recover("busy"), worker="busy")
    assert await broker.drain() == []


async def test_leave_twice_in_line(broker: Broker) -> None:
    """A job is looked for from the end of its line; what a stop left in front lets nothing in."""
    await broker.enqueue("head", "a", "b", asks=LOCK)
    await broker.redis("LPUSH", broker.keys.line(broker.queue, "l"), "a")
    assert await delete(broker, "a") == "blocked"
    assert await broker.line("l") == ["head", "a", "b"]
    assert await broker.drain() == ["head", "b"]
    assert [row.job_id for row in await broker.journal()] == ["a", "head", "b"]
    assert keyspace.miscounted(broker.url) == []


async def test_sweep_some(broker: Broker) -> None:
    """Name, tag, priority and time choose; jobs that run fit only where that is asked for."""
    await everywhere(broker)
    spec = _tagged("x", "y")
    await broker.enqueue("tagged", spec=spec)
    every = (*EVERY, "tagged")
    now = await broker.now_ms()

    async def waited(**fits: Any) -> tuple[int, int]:
        found: Looked = await broker.run(sweeping(broker, *every, ends=False, **fits))
        return found.waited, found.told

    assert await waited(name="limited") == (1, 0)
    assert await waited(tag="y") == (1, 0)
    assert await waited(tag="z") == (0, 0)
    assert await waited(priority="3") == (1, 0)
    assert await waited(before=now + 1000) == (8, 0)
    assert await waited(before=1) == (0, 0)
    assert await waited(name="job", running=True) == (7, 1)
    await broker.run(sweeping(broker, *every, name="job", running=True))
    assert len(await broker.told("busy")) == 1
    assert await waited(running=True) == (1, 0), "what was told counts once"


def _tagged(*tags: str) -> bytes:
    import msgspec

    from jobqueue.domain.jobs import SPEC_VERSION

    return msgspec.msgpack.encode(Spec(SPEC_VERSION, None, b'{"a":[1,null]}', tags=tags))


async def test_stops(broker: Broker) -> None:
    """Each of them, stopped before any of its writes and repeated, leaves one row and no key."""
    keys, queue = broker.keys, broker.queue
    for call in (
        operations.delete(keys, queue, "a", "because"),
        sweeping(broker, "a", "b"),
        operations.prioritise(keys, queue, "a", 0),
        operations.hasten(keys, queue, "late"),
    ):

        async def play(writes: int, call: Any = call) -> bool:
            await broker.declare(limit(1), KEYED)
            await broker.enqueue("a", asks=ALL)
            await broker.enqueue("b", asks=LOCK)
            await broker.enqueue("late", asks=LOCK, delay_ms=HOUR_MS)
            stopped = await stops(broker, call, writes)
            await broker.run(call)
            await all_over(broker, "a", "b", "late")
            return stopped

        assert await at_every_write(broker, play) >= 3
