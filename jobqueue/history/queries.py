"""Questions about executions, for jobs that Redis may have forgotten.

Ids are text, times are aware, JSON is decoded. Each function takes the engine that
``history.engine.create`` makes.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from jobqueue.domain.executions import DEAD_OUTCOMES
from jobqueue.domain.jobs import State
from jobqueue.domain.listing import Chosen
from jobqueue.domain.views import ExecutionView
from jobqueue.history.engine import asking
from jobqueue.history.tables import dead_letters, job_executions


async def executions(
    engine: AsyncEngine, job_id: str, *, queue: str | None = None
) -> list[ExecutionView]:
    """Return all rows of a job, in the order in which it was delivered.

    Args:
        engine: The database.
        job_id: The job; ids are unique within a queue only.
        queue: Its queue; ``None`` asks all of them.

    Returns:
        No rows when the history does not know the job.

    Raises:
        HistoryUnavailable: PostgreSQL is away.
        HistoryError: PostgreSQL needs too long for it.
        SchemaMismatch: There is no such table.
    """
    rows = job_executions.c
    # A job that is cancelled while it waits ends by a row of no delivery.
    in_order = (rows.queue, rows.run, rows.final, rows.delivery)
    return await _fetch(engine, _of(job_id, queue).order_by(*in_order))


async def final_outcome(
    engine: AsyncEngine, job_id: str, *, queue: str | None = None
) -> ExecutionView | None:
    """Return the row that ended the job's latest run that has ended; raises like ``executions``.

    Returns:
        ``None`` when no run has ended as far as the history knows.
    """
    ended = _of(job_id, queue).where(job_executions.c.final)
    rows = await _fetch(engine, ended.order_by(job_executions.c.run.desc()).limit(1))
    return rows[0] if rows else None


async def ended(
    engine: AsyncEngine, which: Chosen, after: Sequence[str], limit: int
) -> list[ExecutionView]:
    """Return rows that ended jobs as they are now, the latest first; raises like ``executions``.

    A job that was put back after it died is left out: it has a later life.

    Args:
        engine: The database.
        which: Which jobs.
        after: ``finished_at`` and id of the last row of the page before; empty for the first.
        limit: Most rows.
    """
    return await _fetch(engine, page_of(which, after, limit))


def page_of(which: Chosen, after: Sequence[str], limit: int) -> Select[Any]:
    """Return the statement of :func:`ended`."""
    rows, later = job_executions.c, job_executions.alias("later").c
    followed = exists().where(
        later.final,
        later.run > 0,
        later.job_id == rows.job_id,
        later.queue == rows.queue,
        later.run > rows.run,
    )
    put_back = exists().where(
        dead_letters.c.execution_id == rows.id, dead_letters.c.redriven_at.is_not(None)
    )
    found = select(job_executions).where(rows.final, ~followed, ~put_back, *_chosen(which))
    if after:
        moment, last = datetime.fromisoformat(after[0]), after[1]
        found = found.where(
            rows.finished_at <= moment,  # what an index can use
            tuple_(rows.finished_at, rows.id) < tuple_(moment, literal(last, rows.id.type)),
        )
    return found.order_by(rows.finished_at.desc(), rows.id.desc()).limit(limit)


def _chosen(which: Chosen) -> list[ColumnElement[bool]]:
    rows = job_executions.c
    conditions = [
        column == value
        for column, value in ((rows.queue, which.queue), (rows.name, which.name))
        if value is not None
    ]
    if which.tag is not None:
        conditions.append(rows.tags.contains([which.tag]))
    if which.since is not None:
        conditions.append(rows.finished_at >= which.since)
    if which.until is not None:
        conditions.append(rows.finished_at < which.until)
    if not which.states >= {each for each in State if each.terminal}:
        outcomes = {each.value for each in which.states} - {State.DEAD}
        dead = DEAD_OUTCOMES if State.DEAD in which.states else ()
        conditions.append(rows.outcome.in_(sorted({*outcomes, *dead})))
    return conditions


def _of(job_id: str, queue: str | None) -> Select[Any]:
    found = select(job_executions).where(job_executions.c.job_id == job_id)
    return found if queue is None else found.where(job_executions.c.queue == queue)


async def _fetch(engine: AsyncEngine, statement: Select[Any]) -> list[ExecutionView]:
    async with asking(engine) as connection:
        found = await connection.execute(statement)
        return [ExecutionView(**row) for row in found.mappings()]
