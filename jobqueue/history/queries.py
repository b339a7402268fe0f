"""Questions about executions, for jobs that Redis may have forgotten.

Ids are text, times are aware, JSON is decoded. Each function takes the engine that
``history.engine.create`` makes.
"""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncEngine

from jobqueue.domain.jobs import Priority
from jobqueue.history.engine import plain_errors
from jobqueue.history.tables import job_executions


class ExecutionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of ``job_executions``; comments on view ``v_executions`` explain each field."""

    id: str
    job_id: str
    run: int
    attempt: int
    delivery: int
    final: bool
    name: str
    queue: str
    priority: Priority
    outcome: str
    reason: str | None
    error_type: str | None
    error_message: str | None
    traceback: str | None
    arguments: Any
    result: Any
    metadata: Any
    tags: list[str] | None
    enqueued_at: datetime
    ready_at: datetime
    started_at: datetime | None
    finished_at: datetime
    retry_at: datetime | None
    worker: str | None
    code_version: str | None
    crashes: int

    @property
    def wait_seconds(self) -> float | None:
        """From ready to started; ``None`` when no worker started it."""
        return None if self.started_at is None else _seconds(self.ready_at, self.started_at)

    @property
    def run_seconds(self) -> float | None:
        """From started to finished; ``None`` when no worker started it."""
        return None if self.started_at is None else _seconds(self.started_at, self.finished_at)


async def executions(
    engine: AsyncEngine, job_id: str, *, queue: str | None = None
) -> list[ExecutionRow]:
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
) -> ExecutionRow | None:
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


async def _fetch(engine: AsyncEngine, statement: Select[Any]) -> list[ExecutionRow]:
    with plain_errors():
        async with engine.connect() as connection:
            found = await connection.execute(statement)
            return [ExecutionRow(**row) for row in found.mappings()]


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()
