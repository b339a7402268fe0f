"""Stored schedules for people: added, changed and removed, each with its row in the operator log.

Each function takes the engine that ``history.engine.create`` makes, and raises
``HistoryUnavailable`` when PostgreSQL is away and ``SchemaMismatch`` when a table is not there.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace
from sqlalchemy import ColumnElement, RowMapping, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from jobqueue.domain.errors import ConfigurationError, ScheduleConflict, ScheduleNotFound
from jobqueue.domain.jobs import Priority
from jobqueue.domain.operations import Operation
from jobqueue.domain.plans import Occurrence, Plan, ScheduleView
from jobqueue.history import operations
from jobqueue.history.engine import asking, plain_errors
from jobqueue.history.ledger import arguments_of, timing_of, timing_row
from jobqueue.history.tables import SCHEMA, schedule_occurrences, schedules

log = logging.getLogger("jobqueue.history")

GONE = timedelta(minutes=5)  # unseen for so long a schedule is in no code that runs

_rows = schedules.c
_ledger = schedule_occurrences.c
_SHOWN = (
    *(_rows.name, _rows.job, _rows.queue, _rows.priority, _rows.lock, _rows.timing),
    *(_rows.declared, _rows.arguments, _rows.paused_at, _rows.paused_by, _rows.pause_reason),
    *(_rows.created_at, _rows.seen_at),
)
# Two that are added at once must not both find that there is none.
_ALONE = text(f"LOCK TABLE {SCHEMA}.schedules IN SHARE ROW EXCLUSIVE MODE")


async def every(engine: AsyncEngine) -> list[ScheduleView]:
    """Return all schedules by name."""
    with plain_errors():
        async with engine.connect() as connection:
            found = await connection.execute(select(*_SHOWN).order_by(_rows.name))
            return [*_readable(found.mappings())]


async def one(engine: AsyncEngine, name: str) -> ScheduleView:
    """Return a schedule.

    Raises:
        ScheduleNotFound: There is none.
        ConfigurationError: This version can't read it.
    """
    with plain_errors():
        async with engine.connect() as connection:
            found = await connection.execute(select(*_SHOWN).where(_rows.name == name))
            row = found.mappings().one_or_none()
    if row is None:
        raise ScheduleNotFound(name)
    return _view(row)


async def plan(engine: AsyncEngine, name: str) -> Plan:
    """Return a schedule with what its jobs are made of.

    Raises:
        ScheduleNotFound: There is none.
        ConfigurationError: This version can't read it.
    """
    with plain_errors():
        async with engine.connect() as connection:
            found = await connection.execute(select(schedules).where(_rows.name == name))
            row = found.mappings().one_or_none()
    if row is None:
        raise ScheduleNotFound(name)
    return Plan(
        name=row["name"],
        job=row["job"],
        queue=row["queue"],
        priority=row["priority"].value,
        spec=row["spec"],
        timing=timing_of(row["name"], row["timing"]),
        asks=row["asks"],
        lock=row["lock"],
        declared=row["declared"],
        paused=row["paused_at"] is not None,
        since=row["since"],
    )


async def add(engine: AsyncEngine, new: Plan, operation: Operation, *, instead: bool) -> None:
    """Store a schedule; with ``instead`` in the place of one of its name, which stays paused.

    Raises:
        ScheduleConflict: There is one, or code declares it, or its job has an interval already.
    """
    with plain_errors():
        async with engine.begin() as connection:
            await connection.execute(_ALONE)
            old = await _declared(connection, new.name)
            if old is not None and (old or not instead):
                problem = "code declares it" if old else "it is there already; replace it, or"
                raise ScheduleConflict(new.name, f"{problem} choose another name".strip())
            await _refuse_second(connection, new)
            await operations.log_with(connection, operation, operations.new_id())
            if old is None:
                values = {**_row(new), "name": new.name, "declared": False}
                await connection.execute(insert(schedules).values(**values))
            else:
                changed = update(schedules).where(_rows.name == new.name).values(**_row(new))
                await connection.execute(changed)


async def _declared(connection: AsyncConnection, name: str) -> bool | None:
    """Return whether code declares a schedule; None where there is none."""
    found = await connection.execute(select(_rows.declared).where(_rows.name == name))
    declared: bool | None = found.scalar_one_or_none()
    return declared


async def _refuse_second(connection: AsyncConnection, new: Plan) -> None:
    """Refuse a second interval for one job and lock: the two would only double it."""
    if new.timing.every is None:
        return
    same = (_rows.job == new.job) & (_rows.lock.is_not_distinct_from(new.lock))
    other = same & (_rows.name != new.name) & _rows.timing.has_key("every")
    found = (await connection.execute(select(_rows.name).where(other).limit(1))).scalar()
    if found is not None:
        lock = f" with the lock {new.lock!r}" if new.lock else ""
        raise ScheduleConflict(
            new.name, f"job {new.job!r}{lock} has an interval already, {found!r}"
        )


def _row(new: Plan) -> dict[str, Any]:
    return {
        "job": new.job,
        "queue": new.queue,
        "priority": Priority(new.priority),
        "spec": new.spec,
        "timing": timing_row(new.timing),
        "asks": new.asks,
        "lock": new.lock,
        "arguments": arguments_of(new.spec),
        "since": new.since,
    }


async def pause(engine: AsyncEngine, name: str, operation: Operation) -> bool:
    """Skip the occurrences of a schedule from now on; one that is paused stays as it is.

    Returns:
        Whether it was not paused before.

    Raises:
        ScheduleNotFound: There is none.
    """
    row = operation.row()
    values = {
        "paused_at": func.now(),
        "paused_by": row["operator"],
        "pause_reason": row["reason"],
    }
    return await _change(engine, name, operation, _rows.paused_at.is_(None), values)


async def resume(
    engine: AsyncEngine, name: str, operation: Operation, since: datetime | None
) -> bool:
    """Let a schedule fire again, but none of its occurrences up to a moment; None for now.

    Returns:
        Whether it was paused.

    Raises:
        ScheduleNotFound: There is none.
    """
    begin = func.now() if since is None else since
    values = {"paused_at": None, "paused_by": None, "pause_reason": None, "since": begin}
    return await _change(engine, name, operation, _rows.paused_at.is_not(None), values)


async def _change(
    engine: AsyncEngine,
    name: str,
    operation: Operation,
    where: ColumnElement[bool],
    values: dict[str, Any],
) -> bool:
    """Change a schedule where that is needed, write that down, and return whether it was."""
    with plain_errors():
        async with engine.begin() as connection:
            if await _declared(connection, name) is None:
                raise ScheduleNotFound(name)
            changed = update(schedules).where((_rows.name == name) & where).values(**values)
            if done := (await connection.execute(changed)).rowcount > 0:
                await operations.log_with(connection, operation, operations.new_id())
            return done


async def remove(
    engine: AsyncEngine,
    name: str | None,
    lock: str | None,
    operation: Operation,
    *,
    dry_run: bool = False,
) -> dict[str, str]:
    """Remove the schedule of a name, or those whose jobs have a lock.

    Args:
        engine: The database.
        name: The schedule; with ``lock`` also the name of its job; None for any.
        lock: The lock key of its jobs; None for the schedule of the name alone.
        operation: What is written down.
        dry_run: Change nothing, and write nothing down.

    Returns:
        The queues of those that were removed, or would be, by their names in order.

    Raises:
        ScheduleNotFound: There is none.
        ScheduleConflict: One is in code that runs.
    """
    which: list[ColumnElement[bool]] = [] if lock is None else [_rows.lock == lock]
    if name is not None:
        named = _rows.name == name
        which.append(named if lock is None else named | (_rows.job == name))
    with plain_errors():
        async with engine.begin() as connection:
            await connection.execute(_ALONE)
            lives = _rows.declared & (_rows.seen_at > func.now() - GONE)
            asked = select(_rows.name, lives, _rows.queue).where(*which).order_by(_rows.name)
            found = (await connection.execute(asked)).all()
            if not found:
                raise ScheduleNotFound(name or "", lock or "")
            for each, living, _ in found:
                if living:
                    raise ScheduleConflict(each, "code declares it; remove it there, or pause it")
            queues = {each: queue for each, _, queue in found}
            if dry_run:
                return queues
            done = replace(operation, details={**operation.details, "removed": [*queues]})
            await operations.log_with(connection, done, operations.new_id())
            await connection.execute(delete(schedules).where(_rows.name.in_(queues)))
    return queues


async def occurrences(
    engine: AsyncEngine,
    name: str | None,
    outcome: str | None,
    since: datetime | None,
    limit: int,
) -> list[Occurrence]:
    """Return what became of occurrences, the latest first."""
    which: Sequence[ColumnElement[bool]] = [
        column == value
        for column, value in ((_ledger.schedule, name), (_ledger.outcome, outcome))
        if value is not None
    ]
    asked = select(schedule_occurrences).where(*which)
    if since is not None:
        asked = asked.where(_ledger.occurrence >= since)
    newest = asked.order_by(_ledger.occurrence.desc(), _ledger.schedule).limit(limit)
    async with asking(engine) as connection:
        found = await connection.execute(newest)
        return [Occurrence(**_in_utc(row)) for row in found.mappings()]


def _readable(found: Iterable[RowMapping]) -> Iterator[ScheduleView]:
    for row in found:
        try:
            yield _view(row)
        except ConfigurationError as error:
            log.warning("schedule left out", extra={"schedule": row["name"], "error": str(error)})


def _view(row: RowMapping) -> ScheduleView:
    timing, label = timing_of(row["name"], row["timing"]), row["priority"].label
    return ScheduleView(**{**_in_utc(row), "timing": timing, "priority": label})


def _in_utc(row: RowMapping) -> dict[str, Any]:
    """Return a row with its times in UTC: PostgreSQL gives them in the session's zone."""
    return {
        name: value.astimezone(UTC) if isinstance(value, datetime) else value
        for name, value in row.items()
    }
