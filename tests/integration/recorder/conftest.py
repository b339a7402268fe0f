"""An app with a history, and what is in it."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest

from tests.support.stage import Stage, stage_on
from tests.support.waiting import wait_until

Ask = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
async def stage(redis_url: str, history_url: str) -> AsyncIterator[Stage]:
    """An app with a migrated history."""
    async with stage_on(redis_url, database_url=history_url) as stage:
        yield stage


@pytest.fixture
def ask(history_url: str) -> Ask:
    """Run a statement on the history; return its rows."""
    return asking(history_url)


def asking(url: str) -> Ask:
    """Return what runs a statement on a database and returns its rows."""

    def run(statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    return run


def waiting(ask: Ask) -> int:
    """Return how many connections wait for a lock."""
    query = """
        SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND datname = current_database()
    """
    return int(ask(query)[0][0])


async def arrived(ask: Ask, count: int, *, deadline: float = 30.0) -> list[tuple[Any, ...]]:
    """Wait until so many rows are there; return job id, delivery, outcome and final of each."""
    query = "SELECT job_id, delivery, outcome, final FROM jobqueue.job_executions ORDER BY id"
    found: list[tuple[Any, ...]] = await wait_until(
        lambda: rows if len(rows := ask(query)) >= count else [],
        description=f"{count} rows in the history",
        deadline=deadline,
    )
    assert len(found) == count, "a delivery has several rows"
    return found


async def journal_is_empty(stage: Stage) -> None:
    """Wait until Redis has been told to forget every record."""

    async def empty() -> bool:
        return not await stage.broker.redis("XLEN", stage.broker.keys.journal("default"))

    await wait_until(empty, description="an empty journal")
