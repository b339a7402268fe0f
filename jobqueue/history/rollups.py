"""Rolls up the history by the hour, so that statistics of weeks cost nothing to read.

What ``v_job_stats``, ``v_queue_latency``, ``v_worker_load`` and ``v_slowest`` show is exact at
any time. They read the ``hourly_*`` tables for hours that are rolled up, and executions for the
ranges that ``unrolled`` lists: one row from the present to infinity, and one for each hour below
it that still waits or that got a late row, from a journal that had to wait for PostgreSQL.

- *Closing* hours moves the present up and lists them, in one transaction with a lock that no
  writer's transaction and no other closing overlaps: whoever comes later sees the new present.
- A writer adds a mark to each hour below the present that it writes to, in its transaction.
- *Rolling* an hour reads its marks, then its rows, and takes the hour off the list only if
  nobody has marked it meanwhile; a writer's mark that is not committed yet keeps it waiting.

Dying at any point leaves hours on the list, which are read from executions until next time.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection, sql

from jobqueue.history.engine import plain_errors

LOCK_TIMEOUT = "2s"
ROLL_LOCK = 0x6A6F6271_0002
"""Advisory lock: one connection at a time rolls an hour."""
AT_ONCE = 12  # hours of one transaction
HOUR_US = 3_600_000_000
MARGIN = timedelta(minutes=10)  # most late rows come within: an hour that waits is rolled once

MARK = """
    INSERT INTO jobqueue.unrolled AS known
    SELECT hour, hour + interval '1 hour', 1
    FROM unnest(%s::bigint[]) AS number CROSS JOIN to_timestamp(number * 3600) AS hour
    WHERE hour < (SELECT since FROM jobqueue.unrolled WHERE until = 'infinity')
    ORDER BY hour
    ON CONFLICT (since) DO UPDATE SET marks = known.marks + 1
"""
"""For writers, after their rows in the same transaction: takes their hours, see ``hours``."""

_DUE = """
    SELECT
        CASE WHEN isfinite(since) THEN since END,
        date_bin('1 hour', %s, TIMESTAMPTZ '2000-01-01 00:00+00')
    FROM jobqueue.unrolled WHERE until = 'infinity'
"""
_SINCE = """
    SELECT since FROM jobqueue.unrolled WHERE until = 'infinity' AND since > '-infinity'
"""
_FIRST = """
    SELECT date_bin('1 hour', min(first.finished_at), TIMESTAMPTZ '2000-01-01 00:00+00')
    FROM jobqueue.job_names AS names CROSS JOIN LATERAL (
        SELECT finished_at FROM jobqueue.job_executions AS execution
        WHERE execution.name = names.name ORDER BY finished_at LIMIT 1
    ) AS first
"""
# Writers hold ROW EXCLUSIVE on this table until their transaction ends; and nobody else closes
# hours meanwhile, who would read a present that is about to move.
_ALONE_HERE = "LOCK TABLE ONLY jobqueue.job_executions IN SHARE ROW EXCLUSIVE MODE"
_LIST = """
    INSERT INTO jobqueue.unrolled
    SELECT hour, hour + interval '1 hour', 0
    FROM generate_series(%s::timestamptz, %s::timestamptz - interval '1 hour', '1 hour') AS hour
"""
_ADVANCE = "UPDATE jobqueue.unrolled SET since = %s WHERE until = 'infinity' AND since < %s"
_LISTED = "SELECT since FROM jobqueue.unrolled WHERE until < 'infinity' ORDER BY since DESC"
_ALONE = f"SELECT pg_try_advisory_xact_lock({ROLL_LOCK})"
_MARKS = """
    SELECT since, marks FROM jobqueue.unrolled WHERE since = ANY(%s) AND until < 'infinity'
"""
# In the order in which writers mark: neither waits for the other in a circle.
_STRIKE = """
    DELETE FROM jobqueue.unrolled WHERE since IN (
        SELECT since FROM jobqueue.unrolled
        JOIN unnest(%s::timestamptz[], %s::integer[]) AS read (hour, seen)
          ON since = hour AND marks = seen
        ORDER BY since FOR UPDATE OF unrolled
    )
"""
_CLEAR = "DELETE FROM jobqueue.{} WHERE hour = ANY(%s)"
_EXPIRE = "DELETE FROM jobqueue.{} WHERE hour < %s"
_ROLL = """
    INSERT INTO jobqueue.{table} ({columns})
    SELECT {columns} FROM jobqueue.{view} WHERE since = ANY(%s)
"""

KINDS = {
    "jobs": ("hour", "runs", "failures", "name", "wait", "run", "run_sum"),
    "queues": ("hour", "runs", "wait_max", "priority", "queue", "wait"),
    "workers": ("hour", "runs", "failures", "busy", "worker"),
    "slowest": (
        *("hour", "finished_at", "run_seconds", "rank", "execution_id", "name", "job_id"),
        *("queue", "outcome", "worker"),
    ),
}


async def roll_up(connection: AsyncConnection[Any], *, now: datetime | None = None) -> int:
    """Roll up every hour that ended, the latest first, and those that got late rows.

    Args:
        connection: In autocommit mode.
        now: What counts as now; by default PostgreSQL's clock.

    Returns:
        How many hours were rolled up.

    Raises:
        HistoryUnavailable: PostgreSQL is away, or a lock was not to be had in time.
        SchemaMismatch: The tables are not there.
    """
    with plain_errors():
        await _close(connection, now)
        listed = await (await connection.execute(_LISTED)).fetchall()
        hours = [hour for (hour,) in listed]
        parts = [hours[first : first + AT_ONCE] for first in range(0, len(hours), AT_ONCE)]
        return sum([await _roll(connection, part) for part in parts])


def hours(finished_us: Iterable[int]) -> list[int]:
    """Return the hours of some times, in order, each once; both count from 1970."""
    return sorted({each // HOUR_US for each in finished_us})


async def expire(connection: AsyncConnection[Any], before: datetime) -> int:
    """Delete what is rolled up of older hours; return how many rows; raises like ``roll_up``."""
    deleted = 0
    with plain_errors():
        for kind in KINDS:
            statement = sql.SQL(_EXPIRE).format(sql.Identifier(f"hourly_{kind}"))
            deleted += (await connection.execute(statement, (before,))).rowcount
    return deleted


async def _close(connection: AsyncConnection[Any], now: datetime | None) -> None:
    """Move the present up to the last hour that ended a while ago, and list the hours between."""
    moment = now or await _one(connection, "SELECT now()")
    cursor = await connection.execute(_DUE, (moment - MARGIN,))
    [(since, present)] = await cursor.fetchall()
    if since is not None and since >= present:
        return
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        await connection.execute(_ALONE_HERE)
        since = await _open_since(connection)
        # In this order: the hour in which the present began has its key until it moves.
        await connection.execute(_ADVANCE, (present, present))
        await connection.execute(_LIST, (since or present, present))


async def _open_since(connection: AsyncConnection[Any]) -> datetime | None:
    """Return where the present begins; at first that is the hour of the oldest row, if any."""
    begins = await _one(connection, _SINCE)
    since: datetime | None = begins or await _one(connection, _FIRST)
    return since


async def _roll(connection: AsyncConnection[Any], hours: list[datetime]) -> int:
    """Roll up hours unless somebody else does, or just did; return how many."""
    async with connection.transaction():
        if await _one(connection, _ALONE) is not True:
            return 0
        listed = await (await connection.execute(_MARKS, (hours,))).fetchall()
        if not listed:
            return 0
        left, marks = [hour for hour, _ in listed], [seen for _, seen in listed]
        for kind in KINDS:
            await _replace(connection, kind, left)
        await connection.execute(_STRIKE, (left, marks))
    return len(listed)


async def _replace(connection: AsyncConnection[Any], kind: str, hours: list[datetime]) -> None:
    table, view = sql.Identifier(f"hourly_{kind}"), sql.Identifier(f"unrolled_{kind}")
    columns = sql.SQL(", ").join(map(sql.Identifier, KINDS[kind]))
    await connection.execute(sql.SQL(_CLEAR).format(table), (hours,))
    roll = sql.SQL(_ROLL).format(table=table, view=view, columns=columns)
    await connection.execute(roll, (hours,))


async def _one(connection: AsyncConnection[Any], statement: str, *values: Any) -> Any:
    """Return the first value of an answer; ``None`` when there is none."""
    row = await (await connection.execute(statement.encode(), values)).fetchone()
    return row[0] if row else None
