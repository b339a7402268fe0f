"""Partitions of ``job_executions``: one for each month (UTC) of ids.

An id is a uuid7, which begins with its milliseconds, so a month is a range of ids and the key
stays unique over all partitions. There is no DEFAULT partition: it would have to be scanned
for each new one.

A new partition is made beside the table and then attached, which blocks neither reading nor
writing. One that expired is dropped outright: that takes the whole table for milliseconds, or
gives up after ``LOCK_TIMEOUT`` behind a long query and comes back with the next upkeep. To
detach it first without that lock takes two transactions and a state to repair in between.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection, sql

from jobqueue.history.engine import plain_errors

LOCK_TIMEOUT = "2s"
UPKEEP_LOCK = 0x6A6F6271_0001
"""Advisory lock: one connection at a time makes or drops partitions."""

NAME = re.compile(r"job_executions_(\d{4})_(\d{2})")

_LIST = """
    SELECT child.relname FROM pg_inherits
    JOIN pg_class AS child ON child.oid = inhrelid
    WHERE inhparent = 'jobqueue.job_executions'::regclass ORDER BY child.relname
"""
_CREATE = """
    CREATE TABLE jobqueue.{name}
    (LIKE jobqueue.job_executions INCLUDING DEFAULTS INCLUDING STORAGE)
"""
_ATTACH = """
    ALTER TABLE jobqueue.job_executions ATTACH PARTITION jobqueue.{name}
    FOR VALUES FROM ({first}) TO ({end})
"""
# Keeps late rows out while we look; readers go on.
_FREEZE = "LOCK TABLE jobqueue.{name} IN SHARE MODE"
_RECENT = "SELECT EXISTS (SELECT FROM jobqueue.{name} WHERE finished_at >= {cutoff})"
_DROP = "DROP TABLE jobqueue.{name}"


def month_of(moment: datetime) -> datetime:
    """Return the first moment of a moment's month in UTC."""
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month_of_id(execution_id: str) -> datetime:
    """Return the month in which an id was minted.

    Raises:
        ValueError: It is no UUID, or its time is beyond the year 9999.
    """
    milliseconds = UUID(execution_id).int >> 80
    try:
        return month_of(datetime.fromtimestamp(milliseconds / 1000, UTC))
    except OverflowError as error:
        raise ValueError(str(error)) from error


def following(month: datetime, count: int = 1) -> datetime:
    """Return the month that is ``count`` months later."""
    years, index = divmod(month.month - 1 + count, 12)
    return month.replace(year=month.year + years, month=index + 1)


def lowest_id(month: datetime) -> UUID:
    """Return the lower bound of a month's ids."""
    return UUID(int=int(month.timestamp() * 1000) << 80)


def name_of(month: datetime) -> str:
    """Return the name of a month's partition."""
    return f"job_executions_{month:%Y_%m}"


async def ensure(
    connection: AsyncConnection[Any], *, now: datetime | None = None, ahead: int = 2
) -> list[str]:
    """Make the partitions of this month and the next ones where they are missing.

    Args:
        connection: In autocommit mode.
        now: A moment of the first month; by default PostgreSQL's now.
        ahead: How many further months.

    Returns:
        Names of the partitions that were made, mostly none.

    Raises:
        HistoryUnavailable: PostgreSQL is away, or a lock was not to be had in time.
        SchemaMismatch: There is no ``job_executions``.
    """
    with plain_errors():
        first = month_of(now or await _server_time(connection))
    return await make(connection, [following(first, count) for count in range(ahead + 1)])


async def make(connection: AsyncConnection[Any], months: Iterable[datetime]) -> list[str]:
    """Make the partitions of these months where they are missing; see ``ensure``."""
    wanted = {name_of(month): month for month in months}
    with plain_errors():
        if wanted.keys() <= set(await names(connection)):
            return []
        async with connection.transaction():
            await _lock(connection)
            missing = sorted(wanted.keys() - set(await names(connection)))
            for name in missing:
                await _make_one(connection, name, wanted[name])
    return missing


async def drop_expired(
    connection: AsyncConnection[Any], retention: timedelta, *, now: datetime | None = None
) -> list[str]:
    """Drop the partitions whose newest ``finished_at`` is longer ago than ``retention``.

    Args:
        connection: In autocommit mode.
        retention: How long rows are kept at least; a row goes up to a month later.
        now: What to count back from; by default PostgreSQL's now.

    Returns:
        Names of the partitions that were dropped.

    Raises:
        HistoryUnavailable: PostgreSQL is away, or a lock was not to be had in time.
    """
    with plain_errors():
        cutoff = (now or await _server_time(connection)) - retention
        past = [name for name in await names(connection) if _ended(name, cutoff)]
        return [name for name in past if await _drop(connection, name, cutoff)]


async def names(connection: AsyncConnection[Any]) -> list[str]:
    """Return the names of all attached partitions, in order."""
    return [name async for (name,) in await connection.execute(_LIST)]


async def _server_time(connection: AsyncConnection[Any]) -> datetime:
    row = await (await connection.execute("SELECT now()")).fetchone()
    assert row is not None  # noqa: S101 - this SELECT has one row
    now: datetime = row[0]
    return now


async def _lock(connection: AsyncConnection[Any]) -> None:
    await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    await connection.execute(f"SELECT pg_advisory_xact_lock({UPKEEP_LOCK})")


async def _make_one(connection: AsyncConnection[Any], name: str, month: datetime) -> None:
    bounds = {
        "name": sql.Identifier(name),
        "first": sql.Literal(str(lowest_id(month))),
        "end": sql.Literal(str(lowest_id(following(month)))),
    }
    await connection.execute(sql.SQL(_CREATE).format(**bounds))
    await connection.execute(sql.SQL(_ATTACH).format(**bounds))


def _ended(name: str, cutoff: datetime) -> bool:
    """Whether all ids of this partition are older; partitions that others made are theirs."""
    match = NAME.fullmatch(name)
    if not match:
        return False
    return following(datetime(int(match[1]), int(match[2]), 1, tzinfo=UTC)) <= cutoff


async def _drop(connection: AsyncConnection[Any], name: str, cutoff: datetime) -> bool:
    """Drop one partition if no row of it finished since; a long job may have."""
    part = {"name": sql.Identifier(name), "cutoff": sql.Literal(cutoff)}
    async with connection.transaction():
        await _lock(connection)
        if name not in await names(connection):
            return False
        await connection.execute(sql.SQL(_FREEZE).format(**part))
        recent = await (await connection.execute(sql.SQL(_RECENT).format(**part))).fetchone()
        if recent == (True,):
            return False
        await connection.execute(sql.SQL(_DROP).format(**part))
        return True
