"""The journal reader: every row reaches a recorder, whatever happens to others."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from jobqueue.broker import journal
from jobqueue.broker.journal import Entry, Journal
from jobqueue.broker.servers import Server
from jobqueue.domain import executions
from tests.support import wait_until
from tests.support.broker import JOURNAL_BYTES, Broker


@pytest.fixture
async def readers(broker: Broker) -> AsyncIterator[list[Journal]]:
    """Two recorders' readers, each on its own lane."""
    async with AsyncExitStack() as stack:
        lanes = [await stack.enter_async_context(Server(broker.url).lane()) for _ in range(2)]
        yield [Journal(lane, broker.keys, f"r{n}") for n, lane in enumerate(lanes)]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, broker: Broker) -> None:
    """Don't wait for rows that will not come; on a cluster, for new connections."""
    monkeypatch.setattr(journal, "BLOCK", 0.3 if "cluster" in broker.url else 0.001)


async def end(broker: Broker, *names: str) -> None:
    """Let jobs end; their rows are in the journal."""
    await broker.enqueue(*names)
    for delivery in await broker.fetch("w1", len(names)):
        await broker.finish(delivery)


def jobs(entries: list[Entry]) -> list[str]:
    """Return the job ids of journal entries."""
    raws = [raw for entry in entries for raw in executions.split(entry.records)]
    return [executions.unpack(raw).job_id for raw in raws]


async def record(broker: Broker, entries: list[Entry]) -> None:
    """Say that PostgreSQL has these entries."""
    ours = {entry.id for entry in entries if entry.queue == broker.queue}
    records = [each for each in await broker.recording() if each.entry in ours]
    await broker.run(broker.calls.recorded(broker.queue, records, JOURNAL_BYTES))


async def test_before_the_first_recorder(broker: Broker, readers: list[Journal]) -> None:
    """Rows that were written before anybody read are read: the group begins at 0."""
    await end(broker, "a", "b")
    queues = [broker.queue]
    assert await readers[0].new(queues, 10) == [], "the first read makes the group"
    entries = await readers[0].new(queues, 10)
    assert jobs(entries) == ["a", "b"]
    assert {entry.queue for entry in entries} == set(queues)
    await record(broker, entries)
    assert await readers[0].mine(queues, 10) == []
    assert await broker.journal() == []


async def test_lost_group(broker: Broker, readers: list[Journal]) -> None:
    """A group that is gone is made again; rows that were read before come again."""
    await end(broker, "a")
    queues = [broker.queue]
    await readers[0].new(queues, 10)
    assert jobs(await readers[0].new(queues, 10)) == ["a"]
    await broker.redis("XGROUP", "DESTROY", broker.keys.journal(broker.queue), journal.GROUP)
    await readers[0].new(queues, 10)
    assert jobs(await readers[0].new(queues, 10)) == ["a"]


async def test_several_queues(broker: Broker, readers: list[Journal]) -> None:
    """Reading brings rows of all queues, also of one that has no journal yet."""
    queues = ["default", "other", "empty"]
    for queue in queues[:2]:
        broker.queue = queue
        await end(broker, f"a-{queue}")
    entries: list[Entry] = []

    async def both() -> bool:
        entries.extend(await readers[0].new(queues, 10))
        return len(entries) == 2

    await wait_until(both, description="rows of both queues")
    assert sorted((e.queue, *jobs([e])) for e in entries) == [
        ("default", "a-default"),
        ("other", "a-other"),
    ]
    broker.queue = "default"
    await record(broker, entries)
    broker.queue = "other"
    await record(broker, entries)
    await readers[0].leave(queues)


async def test_two_recorders_share(broker: Broker, readers: list[Journal]) -> None:
    """Two recorders never read the same new row; each finds its own again."""
    queues, (one, two) = [broker.queue], readers
    await one.new(queues, 1)
    await end(broker, "a", "b", "c")
    assert jobs(await one.new(queues, 1)) == ["a"]
    assert jobs(await two.new(queues, 10)) == ["b", "c"]
    assert jobs(await one.mine(queues, 10)) == ["a"]
    assert jobs(await two.mine(queues, 1)) == ["b"]


async def test_dead_recorder(
    broker: Broker, readers: list[Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a silent recorder held is taken over, and only that."""
    queues, (dead, alive) = [broker.queue], readers
    await dead.new(queues, 1)
    await end(broker, "a", "b")
    await dead.new(queues, 10)
    assert not await alive.adopt(broker.queue, 10), "it may still be writing"
    monkeypatch.setattr(journal, "DEAD_AFTER_MS", 0)
    assert await alive.adopt(broker.queue, 1)
    assert jobs(await alive.mine(queues, 10)) == ["a"]
    assert await alive.adopt(broker.queue, 10)
    entries = await alive.mine(queues, 10)
    assert jobs(entries) == ["a", "b"]
    await record(broker, entries)
    assert not await alive.adopt(broker.queue, 10)
    assert await dead.mine(queues, 10) == []


async def test_slow_and_not_dead(
    broker: Broker, readers: list[Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long a recorder holds rows: as long as it says that it lives nobody takes them."""
    queues, (slow, other) = [broker.queue], readers
    await slow.new(queues, 1)
    await end(broker, "a")
    await slow.new(queues, 10)
    life = 1000
    monkeypatch.setattr(journal, "DEAD_AFTER_MS", life)

    async def old() -> bool:
        assert not await other.adopt(broker.queue, 10)
        stream = broker.keys.journal(broker.queue)
        [[_entry, _owner, idle, _deliveries]] = await broker.redis(
            "XPENDING", stream, journal.GROUP, "-", "+", 10
        )
        return bool(idle > 3 * life)

    async with slow.kept(queues):
        await wait_until(old, description="an old row")
    await wait_until(lambda: other.adopt(broker.queue, 10), description="its owner's silence")
    assert jobs(await other.mine(queues, 10)) == ["a"]


async def test_own_rows_again(broker: Broker, readers: list[Journal]) -> None:
    """A recorder that has lost sight of what it holds is told so, however young that is."""
    queues = [broker.queue]
    await readers[0].new(queues, 1)
    await end(broker, "a")
    await readers[0].new(queues, 10)
    assert await readers[0].adopt(broker.queue, 10)
    assert jobs(await readers[0].mine(queues, 10)) == ["a"]


async def test_adopt_before_anybody_read(broker: Broker, readers: list[Journal]) -> None:
    """A queue whose journal nobody has read yet has nothing to take over."""
    assert not await readers[0].adopt(broker.queue, 10)
    await end(broker, "a")
    assert not await readers[0].adopt(broker.queue, 10)


async def test_deleted_and_not_acknowledged(
    broker: Broker, readers: list[Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that a stopped script deleted and did not acknowledge is forgotten."""
    queues, stream = [broker.queue], broker.keys.journal(broker.queue)
    await readers[0].new(queues, 1)
    await end(broker, "a")
    [entry] = await readers[0].new(queues, 10)
    await broker.redis("XDEL", stream, entry.id)
    assert await readers[0].mine(queues, 10) == []
    monkeypatch.setattr(journal, "DEAD_AFTER_MS", 0)
    await readers[1].adopt(broker.queue, 10)
    assert await broker.redis("XPENDING", stream, journal.GROUP) == [0, None, None, None]
    await broker.redis("DEL", broker.keys.job(broker.queue, "a"))
    await broker.redis("DEL", broker.key("succeeded"))


async def test_leave(broker: Broker, readers: list[Journal]) -> None:
    """A recorder that stops deletes its consumer, unless it holds rows."""
    queues, (one, two) = [broker.queue, "never-used"], readers
    await one.new(queues[:1], 1)
    await end(broker, "a")
    held = await one.new(queues[:1], 1)
    await two.new(queues[:1], 1)
    await one.leave(queues)
    await two.leave(queues)
    assert await consumers(broker) == ["r0"]
    await record(broker, held)
    await one.leave(queues[::-1])
    assert await consumers(broker) == []


async def test_forgotten_consumers(
    broker: Broker, readers: list[Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The consumer of a recorder that died long ago is deleted when it holds nothing."""
    queues, (dead, alive) = [broker.queue], readers
    await dead.new(queues, 1)
    await end(broker, "a")
    held = await dead.new(queues, 1)
    monkeypatch.setattr(journal, "FORGET_AFTER_MS", -1)
    await alive.adopt(broker.queue, 1)
    assert await consumers(broker) == ["r0"], "it holds a row"
    await record(broker, held)
    await alive.adopt(broker.queue, 1)
    assert await consumers(broker) == []


async def test_forgotten_and_back(
    broker: Broker, readers: list[Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recorder that wakes up just when its consumer is deleted: what it read is read again."""
    queues, (dead, alive) = [broker.queue], readers
    await dead.new(queues, 1)
    await dead.new(queues, 1)
    await end(broker, "a")
    command = alive._lane.command

    async def interrupted(*args: object) -> object:
        if "DELCONSUMER" in args and "r0" in args:
            assert jobs(await dead.new(queues, 1)) == ["a"]
        return await command(*args)

    monkeypatch.setattr(journal, "FORGET_AFTER_MS", -1)
    monkeypatch.setattr(alive._lane, "command", interrupted)
    await alive.adopt(broker.queue, 1)
    monkeypatch.undo()
    assert jobs(await alive.new(queues, 1)) == ["a"]


async def consumers(broker: Broker) -> list[str]:
    """Return the consumers of the journal."""
    stream = broker.keys.journal(broker.queue)
    found = await broker.redis("XINFO", "CONSUMERS", stream, journal.GROUP)
    return sorted(consumer[b"name"].decode() for consumer in found)
