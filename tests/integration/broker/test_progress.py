"""Only the owner of a delivery reports how far its job is; who waits for the job hears of it."""

import pytest

from jobqueue.broker.messages import watched
from tests.support.broker import Broker
from tests.support.ways import ENDS, WAITS, Way


async def heard(broker: Broker) -> list[tuple[str, str]]:
    """Return what lies in the client's inbox."""
    found = await broker.redis("LRANGE", broker.keys.inbox(broker.queue, "client"), 0, -1)
    return [(w.state, w.payload) for w in map(watched.decode, found)]


async def test_kept_and_told(broker: Broker) -> None:
    """The last report is kept with the job; a waiter gets each, then the outcome."""
    await broker.enqueue("a")
    await broker.watch("a")
    delivery = await broker.take()
    assert await broker.progress(delivery, '[0.25,"x"]') == "k"
    assert await broker.progress(delivery, "[0.5,null]") == "k"
    assert (await broker.state("a"))["progress"] == "[0.5,null]"
    await broker.finish(delivery, payload="7")
    reports = [("progress", '[0.25,"x"]'), ("progress", "[0.5,null]")]
    assert await heard(broker) == [*reports, ("succeeded", "7")]


async def test_nobody_waits(broker: Broker) -> None:
    """Without a waiter nothing but the job's field is written."""
    await broker.enqueue("a")
    await broker.progress(await broker.take())
    assert await heard(broker) == []


@pytest.mark.parametrize("way", [*(ENDS | WAITS).values()], ids=ENDS | WAITS)
async def test_stale(broker: Broker, way: Way) -> None:
    """A worker that lost the job, or settled it, reports nothing any more."""
    await broker.enqueue("before")
    stale = await broker.take("w0")
    await broker.release(stale, worker="w0")
    await broker.cancel("before")
    await broker.enqueue("a")
    await way(broker, "a")
    for delivery in (stale, await broker.take("w9") if way.__name__ == "ready" else stale):
        await broker.crash("w9", budget=9)
        assert await broker.progress(delivery) == "l"
    assert "progress" not in await broker.state("a")


async def test_inbox_of_a_lost_client(broker: Broker) -> None:
    """A client that is gone does not make its inbox live as long as the job."""
    await broker.enqueue("a")
    await broker.watch("a")
    delivery = await broker.take()
    await broker.progress(delivery)
    inbox = broker.keys.inbox(broker.queue, "client")
    await broker.redis("PEXPIRE", inbox, 1000)
    await broker.progress(delivery)
    assert await broker.redis("PTTL", inbox) <= 1000


async def test_redriven(broker: Broker) -> None:
    """A new run begins without the old report."""
    await broker.enqueue("a")
    dead = await broker.take()
    await broker.progress(dead)
    await broker.finish(dead, state="dead")
    await broker.redrive(dead)
    assert "progress" not in await broker.state("a")
