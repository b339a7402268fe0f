"""Asks the history what ran; see :meth:`JobQueue.stats`."""

from datetime import datetime

import msgspec

from jobqueue.domain.errors import InvalidJob
from jobqueue.domain.stats import Stats
from jobqueue.domain.suggest import shown


class Figures(msgspec.Struct, frozen=True):
    """The statistics of one installation.

    Args:
        database_url: Where the history is.
    """

    database_url: str

    async def since(self, moment: datetime) -> Stats:
        """Return what ran since the hour in which a moment lies."""
        if moment.utcoffset() is None:
            raise InvalidJob("since", f"{shown(moment)} is no time with a time zone")
        from jobqueue.history import stats  # who has no history needs no psycopg

        return await stats.since(self.database_url, moment)
