"""What an examination learns of servers and queues, on every kind of server."""

from jobqueue.broker import checkup, lookup
from jobqueue.broker.journal import GROUP, Journal
from jobqueue.broker.servers import Server
from jobqueue.domain.checkup.facts import QueueFacts
from tests.support.broker import OVER, Broker


async def queue(broker: Broker) -> QueueFacts:
    """Return the facts of the queue."""
    view = await lookup.queue(broker.lane, broker.keys, broker.queue)
    return await checkup.queue(broker.lane, broker.keys, view, [broker.queue])


async def test_a_queue_that_nobody_used(broker: Broker) -> None:
    """It has neither journal nor leases."""
    found = await queue(broker)
    assert (found.journal_bytes, found.journal_age) == (0, None)
    assert (found.leases, found.readers) == ([], [])


async def test_what_the_dead_have_left(broker: Broker) -> None:
    """Leases that are over with the jobs behind them, and entries in the hands of a recorder."""
    await broker.enqueue("a", "b", "c")
    [delivery] = await broker.fetch("w1", 1)
    await broker.finish(delivery)
    await broker.fetch("dead", 5, lease_ms=OVER)
    found = {each.worker: each for each in (await queue(broker)).leases}
    assert found["dead"].jobs == 2
    assert 0 <= found["dead"].ended < 60
    assert found["w1"].ended < 0

    async with Server(broker.url).lane() as lane:
        reader = Journal(lane, broker.keys, "r0")
        await broker.lane.command("XGROUP", "CREATE", broker.keys.journal(broker.queue), GROUP, "0")
        assert await reader.new([broker.queue], 10)
        facts = await queue(broker)
    [silent] = facts.readers
    assert (silent.recorder, silent.entries) == ("r0", 1)
    assert 0 <= silent.silent < 60
    assert facts.journal_bytes > 0
    assert facts.journal_age is not None
    assert 0 <= facts.journal_age < 60


async def test_a_server(broker: Broker) -> None:
    """Version, memory, latency and clock are told."""
    found, away = await checkup.servers(broker.lane)
    assert away == []
    for each in found:
        assert (each.supported, each.master, each.writes) == (None, True, True)
        assert (each.policy, each.aof, each.fsync) == ("noeviction", False, "everysec")
        assert each.used_memory > 0
        assert 0 < each.latency < 5
        assert abs(each.offset) < 5
        assert bool(each.place) == broker.lane.apart
