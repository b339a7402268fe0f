"""Hours are rolled up once they ended, and what the views say is exact at every moment."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from jobqueue.domain.errors import HistoryUnavailable
from jobqueue.history import engine, rollups
from jobqueue.history.writer import HistoryWriter
from tests.integration.history.conftest import Ask
from tests.integration.history.records import NOON, dead, milliseconds, record
from tests.support import wait_until

HOUR = timedelta(hours=1)
LATER = NOON + 2 * HOUR  # then the hour after NOON has ended for long

EVERYTHING = "SELECT * FROM jobqueue.{}"
VIEWS = ("v_job_stats", "v_queue_latency", "v_worker_load", "v_slowest")


def shown(ask: Ask) -> dict[str, list[Any]]:
    """Return everything that the rolled up views say."""
    return {view: sorted(ask(EVERYTHING.format(view)), key=str) for view in VIEWS}


def took(moment: datetime, milli: int, **fields: Any) -> Any:
    """Return a record of a run that began at a moment and took so long."""
    finished = (milliseconds(moment) + milli) * 1000
    return record(moment, finished_us=finished, **fields)


async def test_rolling_up_changes_nothing(
    writer: HistoryWriter, connection: AsyncConnection[Any], ask: Ask
) -> None:
    """The views say the same before and after, with rows that failed or never ran among them."""
    await writer.write([took(NOON, each, name=f"job-{each % 2}") for each in range(1, 14)])
    await writer.write([dead(), dead(outcome="lost", started_us=0, name="job-1")])
    await writer.write([record(NOON - 3 * HOUR, queue="other", worker="worker-2")])
    await writer.write([record(NOON, outcome="expired", started_us=0, worker="")])
    before = shown(ask)
    assert all(before.values())
    assert await rollups.roll_up(connection, now=LATER) == 4
    assert shown(ask) == before
    assert ask("SELECT count(*) FROM jobqueue.unrolled") == [(1,)]
    ask("DELETE FROM jobqueue.job_executions")
    assert shown(ask) == before  # it is not read any more
    assert await rollups.roll_up(connection, now=LATER) == 0


async def test_an_hour_that_has_not_ended(
    writer: HistoryWriter, connection: AsyncConnection[Any], ask: Ask
) -> None:
    """The hour that still goes on, and one that ended a minute ago, wait."""
    await writer.write([record()])
    for now in (NOON, NOON + HOUR + timedelta(minutes=1)):
        await rollups.roll_up(connection, now=now)
        assert ask("SELECT count(*) FROM jobqueue.hourly_jobs") == [(0,)]
        assert ask("SELECT sum(runs) FROM jobqueue.v_job_stats") == [(1,)]


async def test_hour_after_hour(
    writer: HistoryWriter, connection: AsyncConnection[Any], ask: Ask
) -> None:
    """Each upkeep goes on where the one before has ended, and leaves out no hour."""
    for hour in range(5):
        await writer.write([record(NOON + hour * HOUR), record(NOON + hour * HOUR)])
        rolled = await rollups.roll_up(connection, now=LATER + hour * HOUR)
        assert rolled == 1
        assert ask("SELECT sum(runs) FROM jobqueue.hourly_jobs") == [(2 * (hour + 1),)]
        assert ask("SELECT sum(runs) FROM jobqueue.v_job_stats") == [(2 * (hour + 1),)]


async def test_a_late_row_is_counted(
    writer: HistoryWriter, connection: AsyncConnection[Any], ask: Ask
) -> None:
    """A row of an hour that is rolled up counts at once, and its hour is rolled up again."""
    await writer.write([record()])
    await rollups.roll_up(connection, now=LATER)
    await writer.write([record(), record(NOON - 5 * HOUR)])
    before = shown(ask)
    assert ask("SELECT sum(runs) FROM jobqueue.v_job_stats") == [(3,)]
    assert await rollups.roll_up(connection, now=LATER) == 2
    assert shown(ask) == before
    assert ask("SELECT sum(runs) FROM jobqueue.hourly_jobs") == [(3,)]


async def test_a_row_that_comes_while_its_hour_is_rolled_up(
    history_url: str, writer: HistoryWriter, connection: AsyncConnection[Any], ask: Ask
) -> None:
    """A writer whose transaction is open meanwhile keeps the hour on the list."""
    await writer.write([record()])
    await rollups.roll_up(connection, now=LATER)
    await writer.write([record()])
    with psycopg.connect(history_url) as other:
        other.execute(
            rollups.MARK.encode(), (rollups.hours([milliseconds(NOON) * 1000]),)
        )  # as a writer does after its rows
        rolling = asyncio.create_task(rollups.roll_up(connection, now=LATER))
        await _waits_for_a_lock(ask)
        other.commit()
        await rolling
    assert ask("SELECT count(*) FROM jobqueue.unrolled") == [(2,)]
    assert ask("SELECT sum(runs) FROM jobqueue.v_job_stats") == [(2,)]
    assert await rollups.roll_up(connection, now=LATER) == 1
    assert ask("SELECT count(*) FROM jobqueue.unrolled") == [(1,)]


@pytest.mark.parametrize("mode", ["ROW EXCLUSIVE", "SHARE ROW EXCLUSIVE"])
async def test_no_hour_closes_over_others(
    history_url: str,
    connection: AsyncConnection[Any],
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
) -> None:
    """While a writer's batch is open, or another closes hours, the present does not move."""
    monkeypatch.setattr(rollups, "LOCK_TIMEOUT", "100ms")
    with psycopg.connect(history_url) as other:
        other.execute(f"LOCK TABLE jobqueue.job_executions IN {mode} MODE".encode())
        with pytest.raises(HistoryUnavailable, match="lock timeout"):
            await rollups.roll_up(connection, now=LATER)
    await rollups.roll_up(connection, now=LATER)


async def test_two_schedulers(
    history_url: str, writer: HistoryWriter, connection: AsyncConnection[Any], ask: Ask
) -> None:
    """Two at the same time come to the same as one."""
    await writer.write([took(NOON - each * HOUR, each + 1) for each in range(60)])
    before = shown(ask)
    async with await engine.connect(history_url, "scheduler") as second:
        both = (connection, second)
        await asyncio.gather(*(rollups.roll_up(each, now=LATER) for each in both))
    await rollups.roll_up(connection, now=LATER)
    assert shown(ask) == before
    assert ask("SELECT count(*) FROM jobqueue.unrolled") == [(1,)]


async def test_expired_hours(
    writer: HistoryWriter, connection: AsyncConnection[Any], ask: Ask
) -> None:
    """What is rolled up goes with the executions that it came from."""
    await writer.write([record(), record(NOON - 5 * HOUR)])
    await rollups.roll_up(connection, now=LATER)
    assert await rollups.expire(connection, NOON - HOUR) == 4
    assert ask("SELECT hour FROM jobqueue.v_job_stats") == [(NOON,)]


async def _waits_for_a_lock(ask: Ask) -> None:
    """Return when somebody waits for a row; other tests have databases of their own."""
    waiting = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
    """
    await wait_until(lambda: ask(waiting) != [(0,)], description="somebody waits for a row")
