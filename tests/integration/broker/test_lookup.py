"""Looking at jobs and queues shows what is there and changes nothing."""

import pytest

from jobqueue.broker import lookup
from jobqueue.domain.jobs import Priority, State
from tests.support.broker import HOUR_MS, Broker


async def view(broker: Broker, id_: str) -> lookup.JobView:
    """Return the one job with this id."""
    [found] = await lookup.find(broker.lane, broker.calls, ["other", broker.queue], id_)
    return found


async def test_unknown(broker: Broker) -> None:
    """An id that no queue knows is found nowhere."""
    assert await lookup.find(broker.lane, broker.calls, ["a", "b"], "x") == []


async def test_life(broker: Broker) -> None:
    """A job shows its state and its counts in each phase of its life."""
    await broker.enqueue("a", delay_ms=HOUR_MS, priority=1, name="send")
    found = await view(broker, "a")
    assert (found.state, found.name, found.priority) == (State.SCHEDULED, "send", Priority.HIGH)
    assert found.due_ms is not None
    assert (found.deliveries, found.attempts, found.worker) == (0, 0, None)
    await broker.mature("a")
    await broker.promote()
    found = await view(broker, "a")
    assert (found.state, found.due_ms, found.enqueued_ms) == (State.READY, None, found.enqueued_ms)
    delivery = await broker.take()
    found = await view(broker, "a")
    assert (found.state, found.deliveries, found.worker) == (State.RUNNING, 1, "w1")
    await broker.fail(delivery, HOUR_MS)
    found = await view(broker, "a")
    assert (found.state, found.attempts, found.deliveries) == (State.RETRYING, 1, 1)
    assert found.due_ms is not None
    await broker.mature("a")
    await broker.promote()
    await broker.fetch()
    await broker.crash()
    found = await view(broker, "a")
    assert (found.state, found.crashes, found.deliveries) == (State.READY, 1, 2)
    await broker.finish(await broker.take(), fields=["result", "1"])
    await broker.recorded(keep_ms=HOUR_MS)
    found = await view(broker, "a")
    assert (found.state, found.result, found.name, found.spec) == (
        State.SUCCEEDED,
        "1",
        None,
        None,
    )


async def test_watched_and_gone(broker: Broker) -> None:
    """An address that a client left makes no job."""
    await broker.redis("HSET", broker.keys.state(broker.queue, "a"), "waiters", " x")
    assert await lookup.find(broker.lane, broker.calls, [broker.queue], "a") == []
    await broker.redis("DEL", broker.keys.state(broker.queue, "a"))


async def test_queue(broker: Broker) -> None:
    """A queue shows how many jobs are where, also when waiting ones were deleted."""
    for priority in Priority:
        await broker.enqueue(*(f"p{priority}-{n}" for n in range(3)), priority=int(priority))
    await broker.enqueue("later", delay_ms=HOUR_MS)
    a, b, *_ = await broker.fetch(slots=4)
    await broker.finish(a)
    await broker.release(b)
    entries = await broker.redis("XRANGE", broker.key("ready:3"), "-", "+")
    await broker.redis("XDEL", broker.key("ready:3"), entries[1][0])
    found = await lookup.queue(broker.lane, broker.keys, broker.queue)
    assert found.ready == {
        Priority.CRITICAL: 1,
        Priority.HIGH: 2,
        Priority.NORMAL: 3,
        Priority.LOW: 2,
    }
    assert (found.running, found.scheduled, found.journal, found.journal_bad) == (2, 1, 2, 0)
    assert found.names["job"]["succeeded"] == 1
    assert 0 <= (found.oldest_ms or 0) < 60_000
    await broker.redis("DEL", broker.keys.job(broker.queue, "p3-1"))


async def test_empty_queue(broker: Broker) -> None:
    """A queue that nobody has used is empty."""
    found = await lookup.queue(broker.lane, broker.keys, "nobody")
    assert (sum(found.ready.values()), found.running, found.oldest_ms) == (0, 0, None)


@pytest.mark.parametrize("priority", Priority)
async def test_kept_back_is_ready(broker: Broker, priority: Priority) -> None:
    """Jobs on their last life that wait for a free worker are ready jobs of their priority."""
    await broker.enqueue("a", "b", priority=int(priority))
    for worker in ("w1", "w2"):
        await broker.fetch("w0")
        await broker.crash("w0", budget=9)
        await broker.fetch(worker, budget=9)
        await broker.crash(worker, budget=9)
    await broker.fetch("w3", 1)
    await broker.fetch("w3", 1, alone=True)
    found = await lookup.queue(broker.lane, broker.keys, broker.queue)
    assert found.ready[priority] == 1
    assert (await view(broker, "b")).state is State.READY
    assert (await view(broker, "b")).priority is priority


async def test_queues(broker: Broker) -> None:
    """The set of queues names every queue, in order; an empty one names none."""
    assert await lookup.queues(broker.lane, broker.keys) == []
    await broker.redis("SADD", broker.keys.queues, "b", "a", "c.d-1")
    assert await lookup.queues(broker.lane, broker.keys) == ["a", "b", "c.d-1"]
