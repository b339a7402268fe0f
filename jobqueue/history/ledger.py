"""Schedules and the ledger of their occurrences, for schedulers: plain statements, no pool.

Each function takes a connection in autocommit mode and raises ``HistoryUnavailable`` when
PostgreSQL is away, ``HistoryError`` when a permission is missing.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.jobs import Priority, Spec
from jobqueue.domain.plans import Occurrence, Plan
from jobqueue.domain.redaction import mask
from jobqueue.domain.timing import Timing
from jobqueue.history.engine import plain_errors

log = logging.getLogger("jobqueue.history")

# Any change of a row changes its xmin, in whatever order transactions end.
_VERSION = """
    SELECT md5(string_agg(name || ' ' || xmin::text, ',' ORDER BY name)) FROM jobqueue.schedules
"""
_PLANS = """
    SELECT name, job, queue, priority::text, spec, timing, asks, lock, declared,
        paused_at IS NOT NULL AS paused, since
    FROM jobqueue.schedules ORDER BY name
"""
_DECLARE = """
    INSERT INTO jobqueue.schedules AS old
        (name, job, queue, priority, spec, timing, asks, lock, arguments, declared, seen_at)
    VALUES (%(name)s, %(job)s, %(queue)s, %(priority)s::jobqueue.priority, %(spec)s, %(timing)s,
        %(asks)s, %(lock)s, %(arguments)s, true, now())
    ON CONFLICT (name) DO UPDATE SET
        job = excluded.job, queue = excluded.queue, priority = excluded.priority,
        spec = excluded.spec, timing = excluded.timing, asks = excluded.asks,
        lock = excluded.lock, arguments = excluded.arguments, seen_at = now()
    WHERE old.declared
"""
_EXPIRE = "DELETE FROM jobqueue.schedules WHERE name = %s AND NOT declared"
_LAST = """
    SELECT max(occurrence) FROM jobqueue.schedule_occurrences
    WHERE schedule = %s AND NOT triggered
"""
_WRITE = """
    INSERT INTO jobqueue.schedule_occurrences
        (occurrence, due_at, decided_at, since, triggered, schedule, outcome, reason, job_id,
        queue, name)
    VALUES (%(occurrence)s, %(due_at)s, %(decided_at)s, %(since)s, %(triggered)s, %(schedule)s,
        %(outcome)s, %(reason)s, %(job_id)s, %(queue)s, %(name)s)
    ON CONFLICT DO NOTHING
"""

PRIORITIES = {each.label: each.value for each in Priority}

_spec = msgspec.msgpack.Decoder(Spec)


async def version(connection: AsyncConnection[Any]) -> str:
    """Return a text that is another one after each change of a schedule."""
    with plain_errors():
        [(found,)] = await (await connection.execute(_VERSION)).fetchall()
    return found or ""


async def plans(connection: AsyncConnection[Any]) -> list[Plan]:
    """Return all schedules, those that code declares too."""
    with plain_errors():
        async with connection.cursor(row_factory=dict_row) as cursor:
            found = await (await cursor.execute(_PLANS)).fetchall()
    return [_plan(row) for row in found]


def _plan(row: dict[str, Any]) -> Plan:
    try:
        timing, priority = timing_of(row["name"], row["timing"]), PRIORITIES[row["priority"]]
    except (ConfigurationError, KeyError) as error:
        # Nothing can be made of it; but whether it is paused matters where code declares it.
        log.error("schedule not usable", extra={"schedule": row["name"], "error": str(error)})  # noqa: TRY400 - its text says it all
        timing, priority = Timing(), Priority.NORMAL.value
    return Plan(**{**row, "spec": bytes(row["spec"]), "timing": timing, "priority": priority})


def timing_of(schedule: str, stored: Any) -> Timing:
    """Return the timing of a schedule from its row.

    Raises:
        ConfigurationError: It is a newer version's, or somebody has changed it by hand.
    """
    try:
        return msgspec.convert(stored, Timing)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"schedule {schedule!r} can't be read: timing: {error}") from error


async def declare(connection: AsyncConnection[Any], declared: Sequence[Plan]) -> None:
    """Let people know of schedules in code; one that was added under the same name stays."""
    with plain_errors():
        async with connection.cursor() as cursor:
            await cursor.executemany(_DECLARE, [_row(each) for each in declared])


def _row(plan: Plan) -> dict[str, Any]:
    return {
        "name": plan.name,
        "job": plan.job,
        "queue": plan.queue,
        "priority": Priority(plan.priority).label,
        "spec": plan.spec,
        "timing": Jsonb(timing_row(plan.timing)),
        "asks": plan.asks,
        "lock": plan.lock,
        "arguments": Jsonb(arguments_of(plan.spec)),
    }


def timing_row(timing: Timing) -> dict[str, Any]:
    """Return a timing as JSON has it."""
    row: dict[str, Any] = msgspec.to_builtins(timing)
    return row


def arguments_of(spec: bytes) -> dict[str, Any]:
    """Return the arguments in a packed spec, those masked that nobody may see."""
    found = _spec.decode(spec)
    shown: dict[str, Any] = msgspec.json.decode(mask(found.arguments, found.redact))
    return shown


async def expire(connection: AsyncConnection[Any], before: datetime) -> None:
    """Delete the stored schedules whose last occurrence was before a moment."""
    over = [
        (each.name,)
        for each in await plans(connection)
        if not each.declared and (end := each.timing.at or each.timing.end) and end < before
    ]
    with plain_errors():
        async with connection.cursor() as cursor:
            await cursor.executemany(_EXPIRE, over)


async def last(connection: AsyncConnection[Any], name: str) -> datetime | None:
    """Return the last occurrence of a schedule that was settled."""
    with plain_errors():
        [(found,)] = await (await connection.execute(_LAST, (name,))).fetchall()
    moment: datetime | None = found
    return moment


async def write(connection: AsyncConnection[Any], rows: Sequence[Occurrence]) -> None:
    """Write rows; those that are there already stay as they are."""
    with plain_errors():
        async with connection.transaction(), connection.cursor() as cursor:
            await cursor.executemany(_WRITE, [msgspec.structs.asdict(row) for row in rows])
