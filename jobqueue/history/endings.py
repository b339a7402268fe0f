"""Who cancelled, deleted or purged a job, as the operator log tells it."""

from datetime import timedelta

from sqlalchemy import ColumnElement, and_, func, literal, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine

from jobqueue.domain.operations import By
from jobqueue.domain.views import ExecutionView
from jobqueue.history.engine import asking
from jobqueue.history.tables import operator_log

SLACK = timedelta(minutes=1)  # by which the clocks of PostgreSQL and Redis may differ

_log = operator_log.c
# What a row says of how it came to be, and the command that makes such rows.
_COMMANDS = {"cancelled": "jobs.cancel", "deleted": "jobs.delete", "purged": "purge"}


async def by_whom(engine: AsyncEngine, last: ExecutionView) -> By | None:
    """Return who gave the command that ended a job; None where the log has no such command.

    The row of a command for many names no job: the last one that fits the job, and was given
    while there was the job, with the reason that the job's row has, is the one.

    Args:
        engine: The database.
        last: The row that ended the job.

    Raises:
        HistoryUnavailable: PostgreSQL is away.
        SchemaMismatch: There is no such table.
    """
    command = _COMMANDS.get(last.reason or "")
    if last.outcome != "cancelled" or command is None:
        return None
    found = (
        select(_log.operator, _log.at, _log.reason)
        .where(
            _log.at.between(last.enqueued_at - SLACK, last.finished_at + SLACK),
            _log.action == command,
            func.coalesce(_log.reason, "") == (last.error_message or ""),
            or_(and_(_log.job_id == last.job_id, _log.queue == last.queue), _fits(last)),
        )
        .order_by(_log.at.desc())
        .limit(1)
    )
    async with asking(engine) as connection:
        row = (await connection.execute(found)).one_or_none()
    return None if row is None else By(*row)


def _fits(last: ExecutionView) -> ColumnElement[bool]:
    """Say whether a command for many meant the job: all that its filter names, the job has."""
    job = {"queue": last.queue, "name": last.name, "priority": last.priority.label}
    has = literal([{"tag": tag} for tag in last.tags or ()], JSONB)
    untagged = _log.filter.op("-")("tag")
    return and_(
        _log.filter.is_not(None),
        untagged.op("<@")(literal(job, JSONB)),
        or_(
            _log.filter["tag"].astext.is_(None),
            has.op("@>")(
                func.jsonb_build_array(func.jsonb_build_object("tag", _log.filter["tag"]))
            ),
        ),
    )
