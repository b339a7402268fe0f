"""Reads the operator log; ``logbook`` writes it."""

import msgspec

from jobqueue.domain.entries import LogEntry, LogFilter, check
from jobqueue.domain.errors import InvalidJob
from jobqueue.domain.suggest import shown
from jobqueue.history import engine, operations


class Entries(msgspec.Struct, frozen=True):
    """The operator log of one installation.

    Args:
        database_url: Where the history is.
    """

    database_url: str

    async def page(self, where: LogFilter, after: str | None, limit: int) -> list[LogEntry]:
        """Return entries, newest first; see :meth:`JobQueue.operator_log`."""
        check(where)
        if limit < 1:
            raise InvalidJob("limit", f"{shown(limit)}; write a whole number from 1 on")
        async with engine.opened(self.database_url, "client") as database:
            try:
                return await operations.page(database, where, after=after, limit=limit)
            except ValueError:
                raise InvalidJob("after", f"{shown(after)} is no id of an entry") from None
