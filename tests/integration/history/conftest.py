"""A writer and plain SQL on a migrated database."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from jobqueue.history import engine
from jobqueue.history.writer import HistoryWriter

Ask = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
async def writer(history_url: str) -> AsyncIterator[HistoryWriter]:
    """A writer on a database of this test alone."""
    async with HistoryWriter(history_url) as writer:
        yield writer


@pytest.fixture
async def connection(history_url: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection as the scheduler opens it for its upkeep."""
    async with await engine.connect(history_url, "scheduler") as connection:
        yield connection


@pytest.fixture
def ask(history_url: str) -> Ask:
    """Run a statement on the test's database; return its rows."""

    def run(statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(history_url) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    return run
