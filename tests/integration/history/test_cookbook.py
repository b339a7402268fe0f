"""The cookbook's queries run as they are printed, and by their indexes."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from jobqueue.history import engine, rollups
from jobqueue.history.writer import HistoryWriter
from scripts.benchmarks import cookbook
from tests.integration.history.records import milliseconds, record

ROOT = Path(__file__).parents[3]


def queries(page: str) -> list[str]:
    """Return every statement in the SQL blocks of a page, comments left out."""
    blocks = re.findall(r"```sql\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if not line.startswith("--")]
    return [" ".join(each.split()) for each in "\n".join(lines).split(";") if each.strip()]


@pytest.mark.parametrize("page", ["README.md", "jobqueue/docs/sql.md"])
def test_every_query_runs(page: str, history_url: str) -> None:
    """Each query that we print is valid SQL on the schema that we ship."""
    with psycopg.connect(history_url) as connection:
        for query in queries(page):
            connection.execute(query.encode())


async def test_the_slowest_run_comes_first(history_url: str) -> None:
    """Rows of jobs that never ran have no duration, and are no slow runs."""
    now = datetime.now(UTC)
    begun = milliseconds(now) * 1000
    writer = HistoryWriter(history_url)
    await writer.write([record(now, finished_us=begun + us) for us in (5000, 9000)])
    await writer.write([record(now, started_us=0, outcome="expired")])
    await writer.close()
    [slowest] = [query for query in queries("README.md") if "ORDER BY slow.run_seconds" in query]
    with psycopg.connect(history_url) as connection:
        rows = connection.execute(slowest.encode()).fetchall()
    assert [row[1] for row in rows] == [pytest.approx(0.009), pytest.approx(0.005)]
    assert rows[0][2] == {"to": "a@example.com"}


def test_readme_and_page_agree() -> None:
    """The page explains thirty queries, and README shows ten of them."""
    page = queries("jobqueue/docs/sql.md")
    assert len(page) == len(set(page)) == len(cookbook.queries()) == 30
    assert list(cookbook.queries()) == list(range(1, 31))
    assert len(queries("README.md")) == 10
    assert set(queries("README.md")) <= set(page)


async def test_no_query_reads_a_partition_whole(history_url: str) -> None:
    """Over 500,000 jobs in six months each query runs, and stays on indexes."""
    async with await engine.connect(history_url, "test") as connection:
        await cookbook.fill(connection, 500_000)
        assert len(await _months_with_rows(connection)) >= 6
        await rollups.roll_up(connection)
        read = {
            number: await cookbook.scanned(connection, await cookbook.with_an_id(connection, query))
            for number, query in cookbook.queries().items()
        }
    assert {number: tables for number, tables in read.items() if tables} == {}


async def _months_with_rows(connection: psycopg.AsyncConnection[Any]) -> list[str]:
    counted = "SELECT DISTINCT tableoid::regclass::text FROM jobqueue.job_executions"
    return [name for (name,) in await (await connection.execute(counted)).fetchall()]
