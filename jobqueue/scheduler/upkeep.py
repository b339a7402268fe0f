"""Keeps the history: makes the partitions of the coming months, rolls up hours, drops old rows."""

import asyncio
import logging

from jobqueue.domain.backoff import PROMPT, Pause
from jobqueue.domain.errors import HistoryError, HistoryUnavailable, severity
from jobqueue.history import engine, retention, schema
from jobqueue.history.retention import Keep

log = logging.getLogger("jobqueue.scheduler")

EVERY = 3600.0  # seconds


class Upkeep:
    """Looks after the history once an hour.

    Args:
        database_url: Where PostgreSQL is.
        keep: How long each kind of row is kept.
    """

    def __init__(self, database_url: str, keep: Keep) -> None:
        self._url = database_url
        self._keep = keep
        self.problem: str | None = None

    async def run(self) -> None:
        """Look after the history until cancelled.

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
                    log.log(severity(error), "history upkeep failed", extra={"error": str(error)})
                wait = pause.take()
            await asyncio.sleep(wait)

    async def _once(self) -> None:
        connection = await engine.connect(self._url, "scheduler")
        try:
            await schema.check(connection)
            done = await retention.upkeep(connection, self._keep)
        finally:
            await connection.close()
        if done.made or done.dropped:
            log.info("partitions changed", extra={"made": done.made, "dropped": done.dropped})
        log.debug("hours rolled up", extra={"hours": done.hours})
        if done.letters or done.log_entries:
            counts = {"letters": done.letters, "log_entries": done.log_entries}
            log.info("expired rows deleted", extra=counts)
