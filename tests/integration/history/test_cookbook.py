"""The cookbook's queries run as they are printed."""

import re
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from jobqueue.history.writer import HistoryWriter
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
    [slowest] = [query for query in queries("README.md") if "ORDER BY run_seconds DESC" in query]
    with psycopg.connect(history_url) as connection:
        rows = connection.execute(slowest.encode()).fetchall()
    assert [row[1] for row in rows] == [pytest.approx(0.009), pytest.approx(0.005)]


def test_readme_and_page_agree() -> None:
    """README shows ten queries, and the page explains the same ones."""
    assert queries("README.md") == queries("jobqueue/docs/sql.md")
    assert len(queries("README.md")) == 10
