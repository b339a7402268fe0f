"""Says who ended a job that was cancelled, deleted or purged."""

from jobqueue.domain.errors import HistoryError, HistoryUnavailable, SchemaMismatch
from jobqueue.domain.jobs import State
from jobqueue.domain.operations import By
from jobqueue.domain.views import FoundJob


async def by_whom(database_url: str | None, job: FoundJob) -> By | None:
    """Return who ended a job by a command; None where nobody did, or none can say."""
    last = next((row for row in reversed(job.executions) if row.final), None)
    if database_url is None or job.state is not State.CANCELLED or last is None:
        return None
    from jobqueue.history import endings, engine  # who has no history needs no SQLAlchemy

    try:
        async with engine.opened(database_url, "client") as database:
            return await endings.by_whom(database, last)
    except (HistoryError, HistoryUnavailable, SchemaMismatch):
        return None  # what else is known of the job is told all the same
