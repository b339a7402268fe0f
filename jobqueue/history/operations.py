"""The operator log: a row for each command, written before its effects can be seen."""

import time
from collections.abc import Iterable
from datetime import UTC
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Uuid, any_, cast, insert, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from jobqueue.domain.entries import LogEntry, LogFilter
from jobqueue.domain.ids import uuid7
from jobqueue.domain.operations import Operation
from jobqueue.history.engine import asking, plain_errors
from jobqueue.history.tables import operator_log

_log = operator_log.c


async def log(engine: AsyncEngine, operation: Operation) -> str:
    """Write down what is going to be done; return the id of the row.

    Raises:
        HistoryUnavailable: PostgreSQL is away; nothing is to be done then.
        HistoryError: We may not write there.
        SchemaMismatch: There is no such table.
    """
    with plain_errors():
        async with engine.begin() as connection:
            key = new_id()
            await log_with(connection, operation, key)
            return key


async def log_with(connection: AsyncConnection, operation: Operation, key: str) -> None:
    """Write down an operation in the transaction that does it; ``key`` comes from ``new_id``."""
    await connection.execute(insert(operator_log).values(id=key, **operation.row()))


def new_id() -> str:
    """Return the id of a row to come."""
    return uuid7(time.time_ns() // 1_000_000)


async def page(
    engine: AsyncEngine, where: LogFilter, *, after: str | None = None, limit: int = 50
) -> list[LogEntry]:
    """Return rows, the newest first.

    Args:
        engine: The database.
        where: Which of them.
        after: The id of the last row of the page before.
        limit: Most rows; a shorter page is the last one.

    Raises:
        HistoryUnavailable: PostgreSQL is away.
        HistoryError: We may not read there, or PostgreSQL needs too long for it.
        SchemaMismatch: There is no such table.
        ValueError: ``after`` is no id of a row.
    """
    conditions = _fitting(where)
    async with asking(engine) as connection:
        if after is not None:
            found = select(_log.at).where(_log.id == str(UUID(after)))
            if (at := await connection.scalar(found)) is None:
                raise ValueError(after)
            mark = tuple_(literal(at, _log.at.type), literal(after, _log.id.type))
            conditions.append(tuple_(_log.at, _log.id) < mark)
        newest = select(operator_log).where(*conditions).order_by(_log.at.desc(), _log.id.desc())
        rows = (await connection.execute(newest.limit(limit))).mappings()
        return [LogEntry(**{**row, "at": row["at"].astimezone(UTC)}) for row in rows]


async def by_id(engine: AsyncEngine, ids: Iterable[str]) -> dict[str, LogEntry]:
    """Return rows by their ids, those that are still kept; raises like ``page``."""
    wanted = _log.id == any_(cast(list(ids), ARRAY(Uuid(as_uuid=False))))
    async with asking(engine) as connection:
        rows = (await connection.execute(select(operator_log).where(wanted))).mappings()
        return {row["id"]: LogEntry(**row) for row in rows}


def _fitting(where: LogFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if (who := where.get("who")) is not None:
        at_any_host = _log.operator.startswith(f"{who}@", autoescape=True)
        conditions.append((_log.operator == who) | at_any_host)
    if (what := where.get("what")) is not None:
        of_group = _log.action.startswith(f"{what}.", autoescape=True)
        conditions.append((_log.action == what) | of_group)
    for column, value in ((_log.queue, where.get("queue")), (_log.job_id, where.get("job_id"))):
        if value is not None:
            conditions.append(column == value)
    if (since := where.get("since")) is not None:
        conditions.append(_log.at >= since)
    if (until := where.get("until")) is not None:
        conditions.append(_log.at < until)
    return conditions
