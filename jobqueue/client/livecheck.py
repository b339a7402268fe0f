"""Binds every stored job to the code of an app, for who is about to deploy it."""

from collections.abc import Collection

from jobqueue.broker import records
from jobqueue.client.wire import Wire
from jobqueue.domain.binding import Binder, LiveCheck
from jobqueue.domain.errors import HistoryError, HistoryUnavailable, SchemaMismatch
from jobqueue.domain.handlers import Registry


async def check(
    wire: Wire, database_url: str | None, registry: Registry, queues: Collection[str] | None
) -> LiveCheck:
    """Return which stored jobs do not fit the handlers.

    Dead jobs that can't be read are no failure: it says so. That a database is away must not
    keep a deployment from knowing of the jobs that wait.

    Args:
        wire: Where Redis is, and how to talk to it.
        database_url: Where dead jobs are; None where nowhere.
        registry: The handlers.
        queues: Only jobs of these; None for all.

    Raises:
        BrokerUnavailable: Redis can't be reached.
    """
    binder = Binder(registry)
    async with wire.server.lane() as lane:
        async for page in records.pages(lane, wire.keys, queues):
            for job in page:
                binder.add(job)
    problem = await _letters(binder, database_url, queues)
    return binder.result(problem)


async def _letters(
    binder: Binder, database_url: str | None, queues: Collection[str] | None
) -> str | None:
    """Bind the dead jobs; return why that can't be done."""
    if database_url is None:
        return "no database_url is set"
    from jobqueue.history import engine, specs  # who has no history needs no SQLAlchemy

    try:
        async with engine.opened(database_url, "check") as database:
            async for page in specs.pages(database, queues):
                for job in page:
                    binder.add(job)
    except (HistoryUnavailable, HistoryError, SchemaMismatch) as error:
        return str(error)
    return None
