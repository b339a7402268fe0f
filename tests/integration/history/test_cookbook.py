"""The cookbook's queries run as they are printed."""

import re
from pathlib import Path

import psycopg
import pytest

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


def test_readme_and_page_agree() -> None:
    """README shows ten queries, and the page explains the same ones."""
    assert queries("README.md") == queries("jobqueue/docs/sql.md")
    assert len(queries("README.md")) == 10
