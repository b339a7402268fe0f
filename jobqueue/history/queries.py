"""Questions about executions, for jobs that Redis may have forgotten.

Ids are text, times are aware, JSON is decoded. Each function takes the engine that
``history.engine.create`` makes.
"""

from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncEngine

from jobqueue.domain.views import ExecutionView
from jobqueue.history.engine import plain_errors
from jobqueue.history.tables import job_executions


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
        SchemaMismatch: There is no such table.
    """
    rows = job_executions.c
    return await _fetch(engine, _of(job_id, queue).order_by(rows.queue, rows.run, rows.delivery))


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


def _of(job_id: str, queue: str | None) -> Select[Any]:
    found = select(job_executions).where(job_executions.c.job_id == job_id)
    return found if queue is None else found.where(job_executions.c.queue == queue)


async def _fetch(engine: AsyncEngine, statement: Select[Any]) -> list[ExecutionView]:
    with plain_errors():
        async with engine.connect() as connection:
            found = await connection.execute(statement)
            return [ExecutionView(**row) for row in found.mappings()]
