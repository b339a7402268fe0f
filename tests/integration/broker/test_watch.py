"""``watch`` answers what a job came to, or leaves the address of an inbox."""

import pytest

from tests.support.broker import HOUR_MS, Broker


async def test_unknown(broker: Broker) -> None:
    """A job that Redis does not know is gone, and nothing is left behind for it."""
    assert (await broker.watch("a")).state == "gone"
    assert not await broker.exists("a")


@pytest.mark.parametrize("state", ["scheduled", "ready", "running", "retrying"])
async def test_waiting(broker: Broker, state: str) -> None:
    """As long as the job has not ended the client waits, and is told of the end."""
    await broker.enqueue("a", delay_ms=HOUR_MS if state == "scheduled" else None)
    if state in {"running", "retrying"}:
        delivery = await broker.take()
    if state == "retrying":
        await broker.fail(delivery, HOUR_MS)
    assert (await broker.watch("a")).state == "waiting"
    if state == "running":
        await broker.finish(delivery)
    await broker.mature("a")
    await broker.drain()
    assert await broker.redis("LLEN", broker.keys.inbox(broker.queue, "client")) == 1
    await broker.recorded()


@pytest.mark.parametrize(("state", "field"), [("succeeded", "result"), ("dead", "error")])
async def test_ended(broker: Broker, state: str, field: str) -> None:
    """A job that has ended says what it came to, before and after it is recorded."""
    await broker.enqueue("a")
    await broker.finish(await broker.take(), state=state, fields=[field, '"x"'])
    for _ in range(2):
        found = await broker.watch("a")
        assert (found.id, found.state, found.payload) == ("a", state, '"x"')
        await broker.recorded(keep_ms=HOUR_MS)


async def test_without_a_result(broker: Broker) -> None:
    """A plain success has no payload, and is gone when it is recorded."""
    await broker.enqueue("a")
    await broker.finish(await broker.take(), state="cancelled")
    assert (await broker.watch("a")).payload == ""
    await broker.recorded()
    assert (await broker.watch("a")).state == "gone"


async def test_inboxes_of_similar_names(broker: Broker) -> None:
    """An inbox whose name is part of another's is an inbox of its own."""
    await broker.enqueue("a")
    for inbox in ("ab", "a", "b", "ab"):
        await broker.watch("a", inbox)
    await broker.drain()
    lengths = [
        await broker.redis("LLEN", broker.keys.inbox(broker.queue, inbox))
        for inbox in ("ab", "a", "b")
    ]
    assert lengths == [1, 1, 1]


async def test_redriven(broker: Broker) -> None:
    """Who asks after a redrive waits for the new run."""
    await broker.enqueue("a")
    dead = await broker.take()
    await broker.finish(dead, state="dead", fields=["error", "{}"])
    await broker.run(broker.redriving(dead.token, "a"))
    assert (await broker.watch("a")).state == "waiting"
    await broker.finish(await broker.take(), payload="1")
    assert await broker.redis("LLEN", broker.keys.inbox(broker.queue, "client")) == 1


async def test_many_clients(broker: Broker) -> None:
    """A thousand clients that came and went take bounded room; the last one is answered."""
    await broker.enqueue("a")
    for n in range(2000):
        await broker.watch("a", f"client-{n:09}")
    assert len((await broker.state("a"))["waiters"]) < 20_000
    await broker.drain()
    inbox = broker.keys.inbox(broker.queue, "client-000001999")
    assert await broker.redis("LLEN", inbox) == 1
