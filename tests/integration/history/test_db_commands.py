"""``jobqueue db size``, ``db grant`` and ``regressions`` on a database with rows."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg import sql

from jobqueue.cli.main import main
from jobqueue.history.writer import HistoryWriter
from tests.integration.history.conftest import Ask
from tests.integration.history.records import dead, milliseconds, record

HOUR = timedelta(hours=1)


@pytest.fixture
def run(
    history_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Run ``jobqueue`` on the test's database; return its exit code and what it printed."""
    monkeypatch.setenv("JOBQUEUE_DATABASE_URL", history_url)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


@pytest.fixture
def reader(history_url: str) -> Iterator[str]:
    """A role that may do nothing yet; roles belong to the server, so each test has its own."""
    with psycopg.connect(history_url, autocommit=True) as connection:
        name = f"reader_{connection.info.dbname}"
        role = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        yield name
        connection.execute(sql.SQL("DROP OWNED BY {}; DROP ROLE {}").format(role, role))


async def test_grant(run: Any, reader: str, history_url: str, writer: HistoryWriter) -> None:
    """A role may then read every view and what the commands read, but no spec, nor write."""
    buried = dead()
    await writer.write([buried])
    url = history_url.replace("postgres@", f"{reader}@")
    with pytest.raises(psycopg.errors.InsufficientPrivilege), psycopg.connect(url) as connection:
        connection.execute("SELECT * FROM jobqueue.v_jobs")
    for _ in range(2):
        code, out, _ = run("db", "grant", reader)
        assert code == 0
        assert out.count("GRANT") == 4
    with psycopg.connect(url, autocommit=True) as connection:
        views = connection.execute(
            "SELECT viewname FROM pg_views WHERE schemaname = 'jobqueue' AND viewname LIKE 'v\\_%'"
        ).fetchall()
        assert len(views) == 9
        for (view,) in views:
            query = sql.SQL("SELECT * FROM {}").format(sql.Identifier("jobqueue", view))
            connection.execute(query)
        connection.execute("SELECT * FROM jobqueue.state_at(now())")
        connection.execute("SELECT job_id FROM jobqueue.dead_letters")
        connection.execute("SELECT name FROM jobqueue.schedules")
        for refused in (
            "SELECT spec FROM jobqueue.dead_letters",
            "SELECT spec FROM jobqueue.schedules",
            "DELETE FROM jobqueue.job_executions",
            "UPDATE jobqueue.dead_letters SET deleted_at = now()",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(refused.encode())
    for command in ("dlq list", f"dlq show {buried.job_id}", "log", "schedules audit"):
        asked = partial(run, *command.split(), "--database-url", url)
        ended = await asyncio.to_thread(asked)
        assert (ended[0], ended[2]) == (0, "")


def test_grant_to_nobody(run: Any) -> None:
    """A role that is not there is named, with what to do."""
    code, out, err = run("db", "grant", "nobody's")
    assert (code, out) == (2, "")
    assert 'there is no role "nobody\'s"' in err


async def test_size(run: Any, writer: HistoryWriter) -> None:
    """Every month and table has its line, and the sum is that of the lines."""
    await writer.write([record()])
    code, out, _ = run("db", "size", "--json")
    found = json.loads(out)
    tables = {each["table"]: each for each in found["tables"]}
    assert code == 0
    assert {"dead_letters", "operator_log", "hourly_jobs", "job_executions_2026_11"} <= set(tables)
    assert found["bytes"] == sum(each["bytes"] for each in tables.values())
    assert tables["job_executions_2026_11"]["index_bytes"] > 0
    code, out, _ = run("db", "size")
    assert code == 0
    assert out.splitlines()[0].split() == ["TABLE", "ROWS", "SIZE", "INDEXES"]
    assert out.splitlines()[-1].startswith("all ")


async def test_regressions(run: Any, writer: HistoryWriter, ask: Ask) -> None:
    """A name that got slower and one that fails more are worse; others are not, and say why."""
    since = datetime.now(UTC) - HOUR
    await writer.write(runs(since, "slower", took=(10, 20), failed=(0, 0)))
    await writer.write(runs(since, "failing", took=(10, 10), failed=(1, 20)))
    await writer.write(runs(since, "same", took=(10, 10.5), failed=(2, 2)))
    await writer.write(runs(since, "rare", took=(10, 90), failed=(0, 0), count=5))
    await writer.write(runs(since, "young", took=(10, 10), failed=(0, 0))[100:])
    code, out, _ = run("regressions", "--since", since.isoformat(), "--json")
    found = json.loads(out)
    judged = {each["name"]: (each["verdict"], each["worse"]) for each in found["names"]}
    assert code == 1
    assert judged == {
        "slower": ("worse", ["p50", "p95"]),
        "failing": ("worse", ["failures"]),
        "same": ("same", []),
        "rare": ("too few runs", []),
        "young": ("new", []),
    }
    assert [each["name"] for each in found["names"][:2]] == ["failing", "slower"]
    failing = found["names"][0]
    assert (failing["before"]["runs"], failing["before"]["failures"]) == (100, 1)
    assert (failing["after"]["runs"], failing["after"]["failures"]) == (100, 20)
    code, out, _ = run("regressions", "--since", since.isoformat())
    assert code == 1
    assert "failing  worse" in out
    assert "  RUNS BEFORE  AFTER  FAILED BEFORE  AFTER  P50 BEFORE" in out.splitlines()[2]
    ask("DELETE FROM jobqueue.job_executions WHERE name IN ('slower', 'failing')")
    assert run("regressions", "--since", "1h")[0] == 0


@pytest.mark.parametrize("since", ["2030-01-31T12:00:00Z", "2026-01-31T12:00:00", "soon"])
def test_a_wrong_moment(run: Any, since: str) -> None:
    """A time in the future, without a zone, or no time is refused in a sentence."""
    code, out, err = run("regressions", "--since", since)
    assert (code, out) == (2, "")
    assert "--since" in err


def runs(since: datetime, name: str, *, took: Any, failed: Any, count: int = 100) -> list[Any]:
    """Return runs of a name, as many before as after, with the milliseconds that they took."""
    made = []
    for side, sign in ((0, -1), (1, 1)):
        for number in range(count):
            at = since + sign * timedelta(seconds=60 + number)
            finished = milliseconds(at) * 1000 + round(took[side] * 1000 * (1 + number / 1000))
            outcome = "failed" if number < failed[side] else "succeeded"
            made.append(record(at, name=name, finished_us=finished, outcome=outcome))
    return made
