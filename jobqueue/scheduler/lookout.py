"""Looks whether PostgreSQL is there, so that health knows before there is anything to record."""

import asyncio
from typing import Any

from jobqueue.domain.backoff import PROMPT, Pause
from jobqueue.domain.errors import HistoryError, HistoryUnavailable, SchemaMismatch
from jobqueue.history import engine, schema

EVERY = 5.0  # seconds, while it is there
PATIENCE = 3.0  # seconds for an answer


class Lookout:
    """Asks PostgreSQL for its schema every few seconds, on one connection; sooner after a failure.

    Args:
        database_url: Where PostgreSQL is.
    """

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: Any = None
        self.problem: str | None = None

    async def run(self) -> None:
        """Look until cancelled.

        Raises:
            ConfigurationError: The server is too old.
        """
        pause = Pause(PROMPT)
        try:
            while True:
                self.problem = await self._look()
                if self.problem is None:
                    pause.reset()
                    await asyncio.sleep(EVERY)
                else:
                    await pause.wait()
        finally:
            await self._close()

    async def _look(self) -> str | None:
        try:
            async with asyncio.timeout(PATIENCE):
                if self._connection is None:
                    self._connection = await engine.connect(self._url, "lookout")
                await schema.check(self._connection)
        except SchemaMismatch as error:
            return str(error)
        except (HistoryUnavailable, HistoryError) as error:
            await self._close()
            return str(error)
        except TimeoutError:
            await self._close()
            return f"PostgreSQL does not answer within {PATIENCE:g} s"
        return None

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
