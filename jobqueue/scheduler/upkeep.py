"""Keeps the partitions of the history: makes those of the coming months, drops expired ones."""

import asyncio
import logging
from datetime import timedelta

from jobqueue.domain.backoff import PROMPT, Pause
from jobqueue.domain.errors import HistoryError, HistoryUnavailable, severity
from jobqueue.history import engine, partitions, schema

log = logging.getLogger("jobqueue.scheduler")

EVERY = 3600.0  # seconds


class Upkeep:
    """Looks after the partitions once an hour.

    Args:
        database_url: Where PostgreSQL is.
        retention: How long executions are kept.
    """

    def __init__(self, database_url: str, retention: timedelta) -> None:
        self._url = database_url
        self._retention = retention
        self.problem: str | None = None

    async def run(self) -> None:
        """Look after the partitions until cancelled.

        Raises:
            SchemaMismatch: The schema is not the one that this version needs.
            ConfigurationError: The server is too old.
        """
        pause = Pause(PROMPT)
        while True:
            try:
                await self._once()
                pause.reset()
                self.problem = None
                wait = EVERY
            except (HistoryUnavailable, HistoryError) as error:
                if str(error) != self.problem:
                    self.problem = str(error)
                    log.log(severity(error), "partition upkeep failed", extra={"error": str(error)})
                wait = pause.take()
            await asyncio.sleep(wait)

    async def _once(self) -> None:
        connection = await engine.connect(self._url, "scheduler")
        try:
            await schema.check(connection)
            made = await partitions.ensure(connection)
            dropped = await partitions.drop_expired(connection, self._retention)
        finally:
            await connection.close()
        if made or dropped:
            log.info("partitions changed", extra={"made": made, "dropped": dropped})
