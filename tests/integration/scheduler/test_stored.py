"""Schedules stored in PostgreSQL: effective while schedulers run, and kept while it is away."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from jobqueue import (
    ConfigurationError,
    InvalidJob,
    ScheduleConflict,
    ScheduleNotFound,
    Timing,
)
from jobqueue.scheduler.stored import Stored
from tests.support import wait_until
from tests.support.schedules import Note, ledger
from tests.support.stage import Stage

Log = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def operators(history_url: str) -> Log:
    """What operators did to schedules, oldest first."""

    def rows() -> list[dict[str, Any]]:
        with psycopg.connect(history_url, row_factory=dict_row) as connection:
            return connection.execute("SELECT * FROM jobqueue.operator_log ORDER BY id").fetchall()

    return rows


async def test_its_life(stored: Stage, note: Note, operators: Log) -> None:
    """A schedule is added, paused, resumed, fired by hand and removed while schedulers run."""
    app = stored.app
    async with app.scheduler(), app.scheduler(), app.worker():
        arguments = {"word": "tick", "token": "hush"}
        await app.add_schedule("clock", note, Timing(every=0.3), arguments=arguments, reason="go")
        await stored.logged(2)
        await app.pause_schedule("clock", reason="too loud")

        async def skipped() -> bool:
            rows = await app.schedule_ledger("clock", outcome="skipped")
            return [row.reason for row in rows].count("paused") >= 2

        await wait_until(skipped, description="two occurrences of the pause")
        [seen] = await app.schedules()
        assert (seen.pause_reason, seen.paused_by, seen.declared) == (
            "too loud",
            "alice@desk",
            False,
        )
        assert seen.arguments == {"word": "tick", "token": "***"}

        job = await app.trigger_schedule("clock")
        [by_hand] = [row for row in await ledger(stored, "clock", 1) if row.triggered]
        assert (by_hand.job_id, by_hand.outcome) == (job, "enqueued")

        before = len(stored.log)
        await app.resume_schedule("clock")
        await stored.logged(before + 2)
        assert await app.remove_schedules("clock") == ["clock"]
    actions = [row["action"] for row in operators()]
    assert actions == [
        f"schedules.{word}" for word in ("add", "pause", "trigger", "resume", "remove")
    ]
    assert {(row["operator"], row["details"]["schedule"]) for row in operators()} == {
        ("alice@desk", "clock")
    }
    assert operators()[0]["reason"] == "go"

    rows = await ledger(stored, "clock", 1)
    times = [row.occurrence for row in rows if not row.triggered]
    assert len(set(times)) == len(times)
    assert [row.job_id for row in rows if row.outcome == "enqueued"] != []
    # Each occurrence from the first to the last has one row, whatever became of it.
    assert len(times) == (times[-1] - times[0]) / timedelta(seconds=0.3) + 1


async def test_refusals(stored: Stage, note: Note) -> None:
    """What is wrong, is there already or is not there is refused; nothing is stored then."""
    app = stored.app
    words = {"word": "x"}
    early, late = (datetime(year, 1, 1, tzinfo=UTC) for year in (2030, 2031))
    for wrong in (
        Timing(cron="61 * * * *"),
        Timing(cron="* * * * *", timezone="Mars/Base"),
        Timing(cron="* * * * *", every=5),
        Timing(every=5, timezone="Europe/Berlin"),
        Timing(every=5, misfire="maybe"),
        Timing(every=5, misfire="all(2000)"),
        Timing(every=5, overlap="perhaps"),
        Timing(every=5, jitter=5),
        Timing(at=datetime(2030, 1, 1)),  # noqa: DTZ001 - that is wrong with it
        Timing(every=5, start=late, end=early),
        Timing(at=datetime.max.replace(tzinfo=UTC), jitter=3600),
        Timing(),
    ):
        with pytest.raises(ConfigurationError):
            await app.add_schedule("clock", note, wrong, arguments=words)
    with pytest.raises(InvalidJob, match="word"):
        await app.add_schedule("clock", note, Timing(every=5))
    with pytest.raises(ConfigurationError, match="delay"):
        await app.add_schedule("clock", note.options(delay=5), Timing(every=5), arguments=words)
    assert await app.schedules() == []

    hour = Timing(cron="0 * * * *")
    await app.add_schedule("clock", note, hour, arguments=words)
    with pytest.raises(ScheduleConflict, match="there already"):
        await app.add_schedule("clock", note, hour, arguments=words)
    later = Timing(cron="30 * * * *")
    await app.add_schedule("clock", note, later, arguments=words, replace=True)
    assert [each.timing for each in await app.schedules()] == [later]

    await app.add_schedule("often", note, Timing(every=60), arguments=words)
    with pytest.raises(ScheduleConflict, match="has an interval already, 'often'"):
        await app.add_schedule("oftener", note, Timing(every=30), arguments=words)
    locked = note.options(lock="L")
    await app.add_schedule("alone", locked, Timing(every=30), arguments=words)
    assert await app.remove_schedules(lock="L") == ["alone"]
    for call in (app.pause_schedule, app.resume_schedule, app.trigger_schedule):
        with pytest.raises(ScheduleNotFound, match="alone"):
            await call("alone")
    with pytest.raises(ScheduleNotFound):
        await app.remove_schedules(lock="L")


async def test_those_in_code(stored: Stage) -> None:
    """One in code is known, can be paused and fired by hand, but is not removed or replaced."""
    app = stored.app

    @app.every(0.3, name="clock")
    @app.job()
    async def tick() -> None:
        stored.log.append(1)

    async with app.scheduler(), app.worker():
        await stored.logged(1)
        await wait_until(app.schedules, description="the schedule is known")
        await app.pause_schedule("clock")
        await ledger(stored, "clock", 2, outcome="skipped")
        before = len(stored.log)
        await app.trigger_schedule("clock")
        assert len(await stored.logged(before + 1)) == before + 1
        with pytest.raises(ScheduleConflict, match="code declares it"):
            await app.remove_schedules("clock")
        with pytest.raises(ScheduleConflict, match="code declares it"):
            await app.add_schedule("clock", tick, Timing(every=60), replace=True)
    before = len(stored.log)
    async with app.scheduler(), app.worker():
        # It is paused for a scheduler that starts, too, from its first look on.
        n = len(await app.schedule_ledger("clock", outcome="skipped", limit=1000))
        await ledger(stored, "clock", n + 2, outcome="skipped")
    assert len(stored.log) == before
    [seen] = await app.schedules()
    assert seen.declared
    assert seen.seen_at is not None


async def test_once_and_bounds(stored: Stage, note: Note) -> None:
    """A single occurrence fires once; an interval begins at its start and ends before its end."""
    app = stored.app
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    end = start + timedelta(seconds=1)
    words = {"word": "x"}
    await app.add_schedule("once", note, Timing(at=start), arguments=words)
    bounded = Timing(every=0.25, start=start, end=end)
    await app.add_schedule("some", note.options(lock="L"), bounded, arguments=words)
    async with app.scheduler():
        rows = await ledger(stored, "some", 4)
        [single] = await ledger(stored, "once", 1)
    assert [row.occurrence for row in rows] == [start + timedelta(seconds=n / 4) for n in range(4)]
    assert single.occurrence == start
    assert {each.next_at for each in await app.schedules()} <= {None, *(r.occurrence for r in rows)}


@pytest.mark.parametrize(("misfire", "enqueued"), [("one", 1), ("all", 11), ("all(3)", 3)])
async def test_after_a_downtime(stored: Stage, note: Note, *, misfire: str, enqueued: int) -> None:
    """Of the occurrences of a downtime those fire that the policy says; each has its row."""
    app = stored.app
    timing = Timing(every=60, misfire=misfire)
    await app.add_schedule("clock", note, timing, arguments={"word": "x"})
    now = await stored.broker.now_ms()
    first = (now // 60_000 - 10) * 60_000
    with psycopg.connect(app.settings.required("database_url")) as connection:
        connection.execute("UPDATE jobqueue.schedules SET since = NULL")
    await stored.broker.redis("HSET", stored.broker.keys.fired("default"), "clock", first - 1)
    async with app.scheduler():
        rows = await ledger(stored, "clock", 11)
    assert [round(row.occurrence.timestamp() * 1000) for row in rows[:11]] == [
        first + n * 60_000 for n in range(11)
    ]
    outcomes = Counter((row.outcome, row.reason) for row in rows[:11])
    expected = {("enqueued", None): enqueued, ("skipped", "missed"): 11 - enqueued}
    assert outcomes == {key: n for key, n in expected.items() if n}
    assert rows[10].outcome == "enqueued"
    jobs = [row.job_id for row in rows if row.job_id]
    assert len([j for j in jobs if (await app.find(j))]) == len(jobs)


async def test_added_while_no_scheduler_runs(stored: Stage, note: Note) -> None:
    """What was due before any scheduler saw the schedule counts as missed, not as never asked."""
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1.5)
    await stored.app.add_schedule("soon", note, Timing(at=at), arguments={"word": "x"})
    await wait_until(lambda: datetime.now(UTC) > at, description="it was due")
    async with stored.app.scheduler():
        [row] = await ledger(stored, "soon", 1)
    assert (row.occurrence, row.outcome) == (at, "enqueued")


async def test_a_pause_that_nobody_saw(stored: Stage, note: Note) -> None:
    """Occurrences of a pause during which no scheduler ran have their rows, too."""
    app = stored.app
    await app.add_schedule("clock", note, Timing(every=60), arguments={"word": "x"})
    first = (await stored.broker.now_ms() // 60_000 - 10) * 60_000
    with psycopg.connect(app.settings.required("database_url")) as connection:
        connection.execute("UPDATE jobqueue.schedules SET since = NULL")
    await stored.broker.redis("HSET", stored.broker.keys.fired("default"), "clock", first - 1)
    await app.pause_schedule("clock")
    await app.resume_schedule("clock")
    rows = await ledger(stored, "clock", 11)
    assert {(row.outcome, row.reason) for row in rows} == {("skipped", "paused")}
    assert rows[0].occurrence.timestamp() * 1000 == first


async def known_to_redis(stage: Stage, *queues: str) -> set[str]:
    """Return the schedules of which Redis keeps anything, in some queues."""
    keys = stage.broker.keys
    found = [
        await stage.broker.redis("HKEYS", key)
        for queue in queues
        for key in (keys.fired(queue), keys.latest(queue))
    ]
    return {name.decode() for names in found for name in names}


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Counter[Stored]:
    """How many looks at the stored schedules each scheduler has ended."""
    ended, look = Counter[Stored](), Stored._look

    async def counted(self: Stored) -> str | None:
        problem = await look(self)
        ended[self] += 1
        return problem

    monkeypatch.setattr(Stored, "_look", counted)
    return ended


async def heard(looks: Counter[Stored]) -> None:
    """Wait until every scheduler has heard what is stored now, and dropped what is not."""
    # One look may be under way, the next one tells the firer, and that behind it drops.
    known = dict(looks)
    assert len(known) == 2
    await wait_until(
        lambda: all(looks[each] >= n + 3 for each, n in known.items()),
        description="three looks of each scheduler",
    )


async def test_a_removed_one_leaves_nothing(
    stored: Stage, note: Note, looks: Counter[Stored]
) -> None:
    """Whether schedulers run or not, and also in the queue that it has left for another."""
    app, keys = stored.app, stored.broker.keys
    words, timing = {"word": "x"}, Timing(every=0.2)
    locked = note.options(lock="L", queue="here")
    await app.add_schedule("stays", note, timing, arguments=words)
    await app.add_schedule("clock", locked, timing, arguments=words)

    async def left(*names: str) -> bool:
        return await known_to_redis(stored, "default", "here", "there") == {*names}

    async with app.scheduler(), app.scheduler():
        await ledger(stored, "clock", 1)
        await ledger(stored, "stays", 1)
        assert await known_to_redis(stored, "here") == {"clock"}
        moved = locked.options(queue="there")
        await app.add_schedule("clock", moved, timing, arguments=words, replace=True)

        async def gone() -> bool:
            return await known_to_redis(stored, "here") == set()

        await wait_until(gone, description="nothing of it where it was")
        await wait_until(lambda: left("stays", "clock"), description="it fires where it went")
        await app.remove_schedules("clock")
        await heard(looks)
        assert await left("stays"), "something of it is left"
        await ledger(stored, "stays", len(await app.schedule_ledger("stays", limit=1000)) + 6)
        assert await left("stays"), "schedulers fired it after it was removed"
    await stored.broker.redis("SADD", keys.moved("default"), "stays")
    await app.remove_schedules("stays")
    assert await left()
    assert not await stored.broker.redis("EXISTS", keys.moved("default"))


async def test_a_paused_one_has_no_next_time(stored: Stage, note: Note) -> None:
    """What comes while it is paused is skipped, so it is not said to come."""
    await stored.app.add_schedule("clock", note, Timing(cron="@daily"), arguments={"word": "x"})
    [before] = await stored.app.schedules()
    await stored.app.pause_schedule("clock")
    [paused] = await stored.app.schedules()
    assert before.next_at is not None
    assert paused.next_at is None
