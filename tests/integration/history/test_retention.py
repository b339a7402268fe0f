"""Each kind of row is kept as long as its setting says, and no longer."""

from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from jobqueue.history import retention
from jobqueue.history.retention import Keep
from jobqueue.history.writer import HistoryWriter
from tests.integration.history.conftest import Ask
from tests.integration.history.records import dead, milliseconds, uuid7

DAY = timedelta(days=1)
LETTERS = "SELECT job_id FROM jobqueue.dead_letters ORDER BY job_id"


async def bury(writer: HistoryWriter, days: int, job_id: str) -> None:
    """Write a job that died so many days ago."""
    at = datetime.now(UTC) - days * DAY
    times = {"finished_us": milliseconds(at) * 1000 + 1500, "started_us": milliseconds(at) * 1000}
    await writer.write([dead(id=uuid7(at), job_id=job_id, **times)])


async def test_open_letters_stay(
    writer: HistoryWriter, connection: AsyncConnection[Any], ask: Ask
) -> None:
    """A dead letter is kept until somebody deletes it, unless a setting says otherwise."""
    await bury(writer, 70, "old")
    await bury(writer, 2, "young")
    done = await retention.upkeep(connection, Keep(90 * DAY, None, 365 * DAY))
    assert (done.letters, ask(LETTERS)) == (0, [("old",), ("young",)])
    done = await retention.upkeep(connection, Keep(90 * DAY, 30 * DAY, 365 * DAY))
    assert (done.letters, ask(LETTERS)) == (1, [("young",)])


async def test_upkeep_drops_months_and_rolls_up_hours(
    writer: HistoryWriter, connection: AsyncConnection[Any], ask: Ask
) -> None:
    """What is left of the executions is rolled up, and what was rolled up of others goes too."""
    await bury(writer, 70, "old")
    await bury(writer, 2, "young")
    done = await retention.upkeep(connection, Keep(90 * DAY, None, 365 * DAY))
    assert (done.dropped, ask("SELECT count(*) FROM jobqueue.hourly_jobs")) == ([], [(2,)])
    assert done.hours > 2 * 24
    done = await retention.upkeep(connection, Keep(30 * DAY, None, 365 * DAY))
    assert (len(done.dropped), done.hours) == (1, 0)
    assert ask("SELECT sum(runs) FROM jobqueue.v_job_stats") == [(1,)]


async def test_closed_letters_go_with_their_executions(
    writer: HistoryWriter, connection: AsyncConnection[Any], ask: Ask
) -> None:
    """One that was put back or deleted is of use as long as its executions are."""
    for job in ("redriven", "deleted", "open", "just redriven"):
        await bury(writer, 40, job)
    close = "UPDATE jobqueue.dead_letters SET {} = now() - interval '{} days' WHERE job_id = '{}'"
    ask(close.format("redriven_at", 39, "redriven"))
    ask(close.format("deleted_at", 39, "deleted"))
    ask(close.format("redriven_at", 1, "just redriven"))
    done = await retention.upkeep(connection, Keep(30 * DAY, None, 365 * DAY))
    assert (done.letters, ask(LETTERS)) == (2, [("just redriven",), ("open",)])


async def test_the_log_of_operators(connection: AsyncConnection[Any], ask: Ask) -> None:
    """Its entries are kept for as long as its own setting says."""
    entry = """
        INSERT INTO jobqueue.operator_log (id, at, operator, action)
        VALUES (gen_random_uuid(), now() - %s, 'ann', 'pause')
    """
    for days in (1, 31):
        ask(entry, days * DAY)
    done = await retention.upkeep(connection, Keep(90 * DAY, None, 30 * DAY))
    assert done.log_entries == 1
    assert ask("SELECT count(*) FROM jobqueue.v_operator_log") == [(1,)]


async def test_the_ledger_of_schedules(connection: AsyncConnection[Any], ask: Ask) -> None:
    """Occurrences are kept as long as executions, the last of each outcome as the schedule is."""
    for name in ("yearly", "nightly"):
        await connection.execute(SCHEDULE, {"name": name})
    for name, days, outcome in (
        *(("yearly", days, "enqueued") for days in (800, 435)),
        *(("yearly", days, "skipped") for days in (200, 100)),
        *(("nightly", days, "enqueued") for days in (99, 66, 33)),
        ("removed", 99, "enqueued"),
    ):
        await connection.execute(OCCURRENCE, {"name": name, "days": days, "outcome": outcome})
    await retention.upkeep(connection, Keep(90 * DAY, None, 365 * DAY))
    left = """
        SELECT schedule, extract(day FROM now() - occurrence)::int
        FROM jobqueue.v_schedule_ledger ORDER BY 1, 2
    """
    assert ask(left) == [("nightly", 33), ("nightly", 66), ("yearly", 100), ("yearly", 435)]


async def test_schedules_that_are_over(connection: AsyncConnection[Any], ask: Ask) -> None:
    """A stored one goes as long after its last occurrence as executions do; none in code does."""
    for name, timing, declared in (
        ("once", {"at": -91}, False),
        ("bounded", {"end": -91}, False),
        ("in code", {"at": -91}, True),
        ("just now", {"at": -89}, False),
        ("to come", {"start": -91, "end": 1}, False),
    ):
        await connection.execute(SCHEDULE, {"name": name})
        now = datetime.now(UTC)
        times = {key: (now + days * DAY).isoformat() for key, days in timing.items()}
        change = "UPDATE jobqueue.schedules SET timing = %s, declared = %s WHERE name = %s"
        await connection.execute(change, (Jsonb(times), declared, name))
    await connection.execute(SCHEDULE, {"name": "no end"})
    await retention.upkeep(connection, Keep(90 * DAY, None, 365 * DAY))
    left = [name for (name,) in ask("SELECT name FROM jobqueue.schedules ORDER BY 1")]
    assert left == ["in code", "just now", "no end", "to come"]


SCHEDULE = """
    INSERT INTO jobqueue.schedules
        (name, job, queue, priority, spec, timing, asks, arguments, declared)
    VALUES (%(name)s, 'job', 'default', 'normal', '', '{}', false, '{}', false)
"""
OCCURRENCE = """
    INSERT INTO jobqueue.schedule_occurrences
        (occurrence, due_at, decided_at, triggered, schedule, outcome, queue, name)
    SELECT at, at, at, false, %(name)s, %(outcome)s, 'default', 'job'
    FROM (SELECT now() - %(days)s * interval '1 day' AS at) AS moments
"""
