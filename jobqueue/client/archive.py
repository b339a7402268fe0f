"""Asks the history what a job came to, after its record has left Redis."""

import msgspec

from jobqueue.broker.messages import Watched
from jobqueue.domain.jobs import State
from jobqueue.domain.outcomes import Failure
from jobqueue.domain.views import ExecutionView
from jobqueue.history import engine, queries


async def ended(url: str, queue: str, job_id: str) -> Watched | None:
    """Return how a job ended, or None if the history does not know that it has.

    Raises:
        HistoryUnavailable: PostgreSQL is away.
        SchemaMismatch: There is no such table.
    """
    async with engine.opened(url, "client") as database:
        row = await queries.final_outcome(database, job_id, queue=queue)
    return None if row is None else _watched(row)


def _watched(row: ExecutionView) -> Watched:
    if row.state is State.DEAD:
        failure = row.failure or Failure("", "")
        return Watched(row.job_id, State.DEAD, msgspec.json.encode(failure).decode())
    payload = "" if row.result is None else msgspec.json.encode(row.result).decode()
    return Watched(row.job_id, row.outcome, payload)
