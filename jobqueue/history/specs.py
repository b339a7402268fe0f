"""Reads what open dead letters would run again, page by page, in bounded memory."""

from collections.abc import AsyncIterator, Collection

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from jobqueue.domain.binding import StoredJob
from jobqueue.history.engine import plain_errors
from jobqueue.history.tables import OPEN, dead_letters

PAGE = 100  # letters in one answer; each may be as large as the arguments of a job

_letters = dead_letters.c


async def pages(
    engine: AsyncEngine, queues: Collection[str] | None
) -> AsyncIterator[list[StoredJob]]:
    """Yield the jobs of open letters, the oldest first.

    Args:
        engine: The database.
        queues: Only jobs of these; None for all.

    Raises:
        HistoryUnavailable: PostgreSQL is away.
        HistoryError: We may not read specs.
        SchemaMismatch: There is no such table.
    """
    columns = (_letters.execution_id, _letters.job_id, _letters.queue, _letters.name, _letters.spec)
    found = select(*columns).where(OPEN).order_by(_letters.execution_id).limit(PAGE)
    if queues is not None:
        found = found.where(_letters.queue.in_(queues))
    page = found
    while True:
        with plain_errors():
            async with engine.connect() as connection:
                rows = (await connection.execute(page)).all()
        yield [
            StoredJob(id=job_id, queue=queue, name=name, place="dead", spec=spec)
            for _, job_id, queue, name, spec in rows
        ]
        if len(rows) < PAGE:
            return
        page = found.where(_letters.execution_id > rows[-1][0])
