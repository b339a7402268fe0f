"""``fire`` enqueues each occurrence of a schedule once, whoever tries."""

from jobqueue.broker import ledger
from jobqueue.domain.instants import milliseconds
from jobqueue.domain.jobs import Asks
from tests.support.broker import HOUR_MS, Broker, ids


async def test_once(broker: Broker) -> None:
    """The second scheduler is told that it was too late."""
    now = await broker.now_ms()
    first, second = broker.firing("nightly", now), broker.firing("nightly", now)
    assert await broker.run(first) == "fired"
    assert await broker.run(second) == "already"
    assert await broker.token() == 1
    assert ids(await broker.fetch()) == [f"nightly@{now}"]


async def test_never_early(broker: Broker) -> None:
    """A time later than Redis' now is refused: a host's clock may be wrong."""
    later = await broker.now_ms() + HOUR_MS
    assert await broker.run(broker.firing("nightly", later)) == "early"
    assert await broker.fetch() == []
    assert await broker.run(broker.firing("nightly", later - HOUR_MS)) == "fired"


async def test_only_forward(broker: Broker) -> None:
    """An occurrence before the last one fired is never fired, though it was missed."""
    now = await broker.now_ms()
    assert await broker.run(broker.firing("nightly", now)) == "fired"
    assert await broker.run(broker.firing("nightly", now - 1000)) == "already"
    assert int(await broker.redis("HGET", broker.keys.fired(broker.queue), "nightly")) == now
    assert len(await broker.fetch()) == 1


async def test_after_the_job_has_gone(broker: Broker) -> None:
    """A repeated firing makes no second job when the first has run and gone."""
    call = broker.firing("nightly", await broker.now_ms())
    assert await broker.run(call) == "fired"
    assert len(await broker.drain()) == 1
    await broker.recorded()
    assert await broker.run(call) == "already"
    assert await broker.drain() == []


async def test_schedules_are_apart(broker: Broker) -> None:
    """Each schedule has its own watermark."""
    now = await broker.now_ms()
    assert await broker.run(broker.firing("one", now)) == "fired"
    assert await broker.run(broker.firing("two", now - HOUR_MS)) == "fired"
    assert len(await broker.fetch()) == 2


async def test_the_id_is_there(broker: Broker) -> None:
    """A job that somebody enqueued under the occurrence's id counts as the occurrence."""
    now = await broker.now_ms()
    await broker.enqueue("nightly@x")
    assert await broker.run(broker.firing("nightly", now, id_="nightly@x")) == "already"
    assert ids(await broker.fetch()) == ["nightly@x"]
    assert await broker.run(broker.firing("nightly", now, id_="nightly@y")) == "already"


async def test_an_overlap_is_skipped(broker: Broker) -> None:
    """While the last job waits or runs, the next occurrence makes none; afterwards it does."""
    now = await broker.now_ms()
    assert await broker.run(broker.firing("nightly", now - 3, overlap="skip")) == "fired"
    assert await broker.run(broker.firing("nightly", now - 2, overlap="skip")) == "skipped"
    running = await broker.take()
    assert await broker.run(broker.firing("nightly", now - 1, overlap="skip")) == "skipped"
    await broker.finish(running)
    assert await broker.run(broker.firing("nightly", now, overlap="skip")) == "fired"
    assert [row.reason for row in await broker.ledger()] == [None, "overlap", "overlap", None]


async def test_an_overlap_ends_the_last_job(broker: Broker) -> None:
    """One that waits never runs; the worker of one that runs is told."""
    now = await broker.now_ms()
    for n in (3, 2):
        call = broker.firing("nightly", now - n, overlap="cancel", asks=Asks(unique="U"))
        assert await broker.run(call) == "fired"
    [waiting, *_] = await broker.journal()
    assert (waiting.job_id, waiting.outcome) == (f"nightly@{now - 3}", "cancelled")
    running = await broker.take()
    assert await broker.run(broker.firing("nightly", now - 1, overlap="cancel")) == "fired"
    assert await broker.redis("LRANGE", broker.keys.tell("default", "w1"), 0, -1) == [
        running.token.encode()
    ]
    assert (await broker.state(running.id))["cancel"] == "its schedule came round again"


async def test_an_overlap_that_keeps_its_unique_key(broker: Broker) -> None:
    """One that runs is told to end, though the next occurrence finds its key taken."""
    now = await broker.now_ms()

    async def fire(n: int) -> str:
        call = broker.firing("nightly", now - n, overlap="cancel", asks=Asks(unique="U"))
        return await broker.run(call)

    assert await fire(3) == "fired"
    running = await broker.take()
    assert await fire(2) == "skipped"
    assert [row.reason for row in await broker.ledger()] == [None, "unique"]
    told = await broker.redis("LRANGE", broker.keys.tell("default", "w1"), 0, -1)
    assert told == [running.token.encode()]
    await broker.finish(running)
    assert await fire(1) == "fired"


async def test_a_trigger_hides_no_overlap(broker: Broker) -> None:
    """A job that an operator fired, and that has ended, is not the last occurrence."""
    now = await broker.now_ms()
    assert await broker.run(broker.firing("nightly", now - 3, overlap="skip")) == "fired"
    await broker.take()
    by_hand = broker.firing("nightly", now - 2, triggered=True, id_="by-hand")
    assert await broker.run(by_hand) == "fired"
    await broker.finish(await broker.take())
    assert await broker.run(broker.firing("nightly", now - 1, overlap="skip")) == "skipped"


async def test_a_batch_of_the_ledger_has_an_end(broker: Broker) -> None:
    """After long absences of many schedules no more rows are read than one transaction takes."""
    now = await broker.now_ms()
    others = [now - 2000 + n for n in range(1000)]
    for name in ("one", "two", "three"):
        await broker.run(broker.firing(name, now, skip="paused", others=others, why="paused"))
    seen = []
    while rows := await broker.ledger():
        assert len(rows) <= ledger.ROWS
        seen += [row.schedule for row in rows]
        entries, _ = await ledger.read(broker.lane, broker.keys, "default")
        await ledger.drop(broker.lane, broker.keys, "default", entries)
    assert seen == ["one"] * 1001 + ["two"] * 1001 + ["three"] * 1001


async def test_the_ledger(broker: Broker) -> None:
    """Each occurrence is written down once: enqueued, told to be skipped, or skipped before it."""
    now = await broker.now_ms()
    calls = [
        broker.firing("nightly", now - 9, others=[now - 30, now - 20], why="missed", since_ms=1),
        broker.firing("nightly", now - 9),
        broker.firing("nightly", now - 8, skip="paused", due_ms=now - 5),
        broker.firing("nightly", now - 7, triggered=True, id_="by-hand"),
        broker.firing("nightly", now + HOUR_MS),
    ]
    answers = [await broker.run(call) for call in calls]
    assert answers == ["fired", "already", "skipped", "fired", "early"]
    rows = await broker.ledger()
    assert [(row.outcome, row.reason, row.job_id, row.triggered) for row in rows] == [
        ("skipped", "missed", None, False),
        ("skipped", "missed", None, False),
        ("enqueued", None, f"nightly@{now - 9}", False),
        ("skipped", "paused", None, False),
        ("enqueued", None, "by-hand", True),
    ]
    assert [row.since is not None for row in rows] == [True, *[False] * 4]
    assert [milliseconds(row.due_at) - now for row in rows] == [-30, -20, -9, -5, -7]
    assert all(row.decided_at >= row.due_at for row in rows)
    assert int(await broker.redis("HGET", broker.keys.fired("default"), "nightly")) == now - 8
