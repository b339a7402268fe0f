"""What is kept how long: executions, dead letters, the operators' log; and their hourly upkeep.

Executions go by whole partitions; what is rolled up of them goes with them. Dead letters and
the log are small and go row by row, each by a setting of its own. A letter that was put back or
deleted is only marked then, so that a recorder which repeats its batch cannot bring it back; it
goes when its execution would.
"""

from datetime import datetime, timedelta
from typing import Any, Self

import msgspec
from psycopg import AsyncConnection

from jobqueue.history import ledger, partitions, rollups
from jobqueue.history.engine import plain_errors

_CLOSED = """
    DELETE FROM jobqueue.dead_letters
    WHERE coalesce(redriven_at, deleted_at) < now() - %s AND failed_at < now() - %s
"""
_OPEN = """
    DELETE FROM jobqueue.dead_letters
    WHERE redriven_at IS NULL AND deleted_at IS NULL AND failed_at < now() - %s
"""
# The last of each outcome stays as long as the schedule: what runs once a year has no other.
_OCCURRENCES = """
    DELETE FROM jobqueue.schedule_occurrences AS old
    WHERE occurrence < now() - %s AND (
        EXISTS (
            SELECT FROM jobqueue.schedule_occurrences AS later
            WHERE later.schedule = old.schedule AND later.outcome = old.outcome
            AND (later.occurrence, later.triggered) > (old.occurrence, old.triggered)
        )
        OR NOT EXISTS (SELECT FROM jobqueue.schedules WHERE schedules.name = old.schedule)
    )
"""
_LOG = "DELETE FROM jobqueue.operator_log WHERE at < now() - %s"


class Keep(msgspec.Struct, frozen=True):
    """How long rows are kept.

    Args:
        executions: Executions, dead letters that were put back or deleted, and occurrences of
            schedules, but for the last ones of each; also stored schedules after their end.
        letters: Dead letters that nobody put back; ``None`` keeps them until they are deleted.
        log: Entries of the operators' log.
    """

    executions: timedelta
    letters: timedelta | None
    log: timedelta

    @classmethod
    def of(cls, executions: float, letters: float | None, log: float) -> Self:
        """Return this from settings, in seconds."""
        kept = None if letters is None else timedelta(seconds=letters)
        return cls(timedelta(seconds=executions), kept, timedelta(seconds=log))


class Done(msgspec.Struct, frozen=True):
    """What an upkeep came to.

    Args:
        made: Partitions that were made.
        dropped: Partitions that were dropped.
        hours: Hours that were rolled up.
        letters: Dead letters that were deleted for their age.
        log_entries: Entries of the operators' log that were deleted.
    """

    made: list[str]
    dropped: list[str]
    hours: int
    letters: int
    log_entries: int


async def upkeep(connection: AsyncConnection[Any], keep: Keep) -> Done:
    """Do whatever is due; each step may be repeated, and dying between two of them is no harm.

    Args:
        connection: In autocommit mode.
        keep: How long each kind of row is kept.

    Raises:
        HistoryUnavailable: PostgreSQL is away, or a lock was not to be had in time.
        HistoryError: We lack a permission.
        SchemaMismatch: A table is not there.
    """
    # First what must not wait for hours that take long to roll up: rows need their partition.
    made = await partitions.ensure(connection)
    dropped = await partitions.drop_expired(connection, keep.executions)
    begin = await _ago(connection, keep.executions)
    await ledger.expire(connection, begin)
    letters, log_entries = await _delete(connection, keep)
    hours = await rollups.roll_up(connection)
    await rollups.expire(connection, begin)
    return Done(made, dropped, hours, letters, log_entries)


async def _delete(connection: AsyncConnection[Any], keep: Keep) -> tuple[int, int]:
    with plain_errors():
        closed = await connection.execute(_CLOSED, (keep.executions, keep.executions))
        letters = closed.rowcount
        if keep.letters is not None:
            letters += (await connection.execute(_OPEN, (keep.letters,))).rowcount
        await connection.execute(_OCCURRENCES, (keep.executions,))
        log = await connection.execute(_LOG, (keep.log,))
    return letters, log.rowcount


async def _ago(connection: AsyncConnection[Any], age: timedelta) -> datetime:
    with plain_errors():
        [(moment,)] = await (await connection.execute("SELECT now() - %s", (age,))).fetchall()
    past: datetime = moment
    return past
