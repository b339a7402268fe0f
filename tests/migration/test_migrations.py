"""The schema: made, checked, taken back, and the same in migrations and in Python."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.script import ScriptDirectory
from psycopg import sql

from alembic import command
from jobqueue.domain.errors import HistoryError, HistoryUnavailable, SchemaMismatch
from jobqueue.history import engine, migrate, partitions, rollups, schema, tables

TOP = Path(__file__).parents[2]

Ask = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def ask(postgres_url: str) -> Ask:
    """Run a statement on the test's database; return its rows."""

    def run(statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(postgres_url) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    return run


def test_upgrade(postgres_url: str) -> None:
    """An empty database fails the check, is upgraded, and passes; twice is the same."""
    assert migrate.current(postgres_url) is None
    with pytest.raises(SchemaMismatch, match=r"missing.*run `jobqueue db upgrade`"):
        migrate.check(postgres_url)
    for _ in range(2):
        migrate.upgrade(postgres_url)
        assert migrate.current(postgres_url) == tables.REVISION
        migrate.check(postgres_url)


def test_the_revision_is_the_head(postgres_url: str) -> None:
    """The revision that the code needs is the newest migration, and there is one line of them."""
    heads = ScriptDirectory.from_config(migrate.config(postgres_url)).get_heads()
    assert heads == [tables.REVISION]


def test_the_command_of_alembic_without_a_url(tmp_path: Path) -> None:
    """`alembic upgrade head` says in one sentence what to set, and what is wrong with a URL."""
    kept = {k: v for k, v in os.environ.items() if "DATABASE_URL" not in k}
    alembic = [sys.executable, "-m", "alembic", "-c", str(TOP / "alembic.ini"), "upgrade", "head"]
    for url, words in (("", "database_url is not set: "), ("mysql://x/y", "scheme 'mysql'")):
        done = subprocess.run(
            alembic,
            cwd=tmp_path,
            env=kept | {"DATABASE_URL": url},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0
        assert words in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr


def test_the_command_of_alembic(postgres_url: str) -> None:
    """`alembic upgrade head` at the top works by environment variables, the first one first."""
    environment = os.environ | {"JOBQUEUE_DATABASE_URL": postgres_url, "DATABASE_URL": "x://"}
    alembic = [sys.executable, "-m", "alembic"]
    subprocess.run([*alembic, "upgrade", "head"], cwd=TOP, env=environment, check=True)
    migrate.check(postgres_url)
    del environment["JOBQUEUE_DATABASE_URL"]
    environment["DATABASE_URL"] = postgres_url
    subprocess.run([*alembic, "downgrade", "base"], cwd=TOP, env=environment, check=True)
    assert migrate.current(postgres_url) is None


def test_sql_for_an_administrator(postgres_url: str, ask: Ask) -> None:
    """The statements that Alembic prints make the same schema."""
    printed = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head", "--sql"],
        cwd=TOP, check=True, capture_output=True, text=True,
    )  # fmt: skip
    ask(printed.stdout)
    migrate.check(postgres_url)


def test_downgrade(postgres_url: str, ask: Ask) -> None:
    """Going back leaves nothing but the version table, and the way up is open again."""
    migrate.upgrade(postgres_url)
    command.downgrade(migrate.config(postgres_url), "base")
    left = "SELECT relname FROM pg_class WHERE relnamespace = 'jobqueue'::regnamespace"
    assert ask(f"{left} AND relkind IN ('r', 'p', 'v')") == [("alembic_version",)]
    migrate.upgrade(postgres_url)
    migrate.check(postgres_url)


def test_metadata_and_migrations_agree(history_url: str) -> None:
    """Alembic finds nothing to change between tables.py and the migrated database."""
    command.check(migrate.config(history_url))


def test_a_difference_is_found(postgres_url: str, ask: Ask) -> None:
    """The comparison is not blind: a missing index and a missing column are noticed."""
    migrate.upgrade(postgres_url)
    ask("DROP INDEX jobqueue.job_executions_job_id")
    with pytest.raises(Exception, match="job_executions_job_id"):
        command.check(migrate.config(postgres_url))


async def test_first_partitions(history_url: str) -> None:
    """The migration makes the months that upkeep would make, with the same bounds."""
    async with await engine.connect(history_url, "test") as connection:
        names = await partitions.names(connection)
        assert len(names) == 3
        assert await partitions.ensure(connection) == []
        bounds = "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = %s"
        for name in names:
            year, number = map(int, name.rsplit("_", 2)[1:])
            start = partitions.month_of(datetime(year, number, 15, tzinfo=UTC))
            end = partitions.lowest_id(partitions.following(start))
            row = await (await connection.execute(bounds, (name,))).fetchone()
            assert row == (f"FOR VALUES FROM ('{partitions.lowest_id(start)}') TO ('{end}')",)


async def test_upgrades_at_the_same_time(postgres_url: str) -> None:
    """Several deployments that migrate at once: one does it, the others wait and find it done."""
    code = "import sys; from jobqueue.history.migrate import upgrade; upgrade(sys.argv[1])"
    upgrade = [sys.executable, "-c", code, postgres_url]
    started = [await asyncio.create_subprocess_exec(*upgrade) for _ in range(4)]
    assert await asyncio.gather(*(process.wait() for process in started)) == [0] * 4
    migrate.check(postgres_url)


def test_a_newer_schema(postgres_url: str, ask: Ask) -> None:
    """An old package leaves a schema that does not serve it alone and says which of them is old."""
    migrate.upgrade(postgres_url)
    ask("UPDATE jobqueue.alembic_version SET version_num = '9999'")
    ask("COMMENT ON TABLE jobqueue.alembic_version IS 'oldest code: 9998'")
    for run in (migrate.check, migrate.upgrade):
        with pytest.raises(SchemaMismatch, match=r"9999.*upgrade the package"):
            run(postgres_url)


def test_a_newer_schema_that_serves_older_code(
    postgres_url: str, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`db upgrade` goes before the code: what only adds keeps the old version going."""
    migrate.upgrade(postgres_url)
    monkeypatch.setattr(schema, "REVISION", "0001")
    migrate.check(postgres_url)
    monkeypatch.undo()
    ask("UPDATE jobqueue.alembic_version SET version_num = '9999'")
    migrate.check(postgres_url)
    migrate.upgrade(postgres_url)
    assert migrate.current(postgres_url) == "9999"


COUNT = "SELECT count(*) FROM jobqueue.{}"
ROW = """
    INSERT INTO jobqueue.job_executions (
        id, enqueued_at, ready_at, started_at, finished_at, run, attempt, delivery, crashes,
        priority, final, job_id, queue, name, outcome, worker, arguments
    ) VALUES (
        '{id}', now(), now(), now(), now(), 0, 1, 1, 0,
        'normal', true, 'a', 'default', 'send', 'failed', 'w', '{{}}'
    )
"""


async def test_an_upgrade_with_rows(postgres_url: str, ask: Ask) -> None:
    """Rows of the first schema are in all views after the upgrade, and after the way back."""
    command.upgrade(migrate.config(postgres_url), "0001")
    ask(ROW.format(id=partitions.lowest_id(partitions.month_of(datetime.now(UTC)))))
    for revision in ("head", "0002", "0001", "head"):
        move = command.upgrade if revision == "head" else command.downgrade
        move(migrate.config(postgres_url), revision)
        assert ask("SELECT name, runs, failures FROM jobqueue.v_job_stats") == [("send", 1, 1)]
    async with await engine.connect(postgres_url, "test") as connection:
        await rollups.roll_up(connection, now=datetime.now(UTC) + timedelta(hours=2))
    for view in ("v_job_stats", "v_queue_latency", "v_worker_load", "v_jobs", "v_failures"):
        assert ask(COUNT.format(view)) == [(1,)]
    assert ask("SELECT runs FROM jobqueue.hourly_jobs") == [(1,)]


def test_another_alembic_in_the_same_database(postgres_url: str, ask: Ask) -> None:
    """The application's own version table in `public` is neither read nor changed."""
    ask("CREATE TABLE alembic_version (version_num text)")
    ask("INSERT INTO alembic_version VALUES ('theirs')")
    migrate.upgrade(postgres_url)
    migrate.check(postgres_url)
    assert ask("SELECT * FROM public.alembic_version") == [("theirs",)]


def test_a_user_who_owns_only_the_schema(postgres_url: str) -> None:
    """An administrator makes the schema, and the owner of it needs no other right."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        name = connection.info.dbname
        role = sql.Identifier(f"owner_{name}")
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        url = postgres_url.replace("postgres@", f"owner_{name}@")
        with pytest.raises(HistoryError, match="permission denied"):
            migrate.upgrade(url)
        connection.execute(sql.SQL("CREATE SCHEMA jobqueue AUTHORIZATION {}").format(role))
        migrate.upgrade(url)
        connection.execute(sql.SQL("DROP OWNED BY {}; DROP ROLE {}").format(role, role))


def test_no_server() -> None:
    """Each command says that the server is away."""
    for run in (migrate.upgrade, migrate.check, migrate.current):
        with pytest.raises(HistoryUnavailable, match="refused"):
            run("postgresql://nobody@127.0.0.1:1/none")


def test_every_column_of_a_view_is_explained(postgres_url: str, ask: Ask) -> None:
    """Views are public: each, and each of its columns, has its comment in the database."""
    migrate.upgrade(postgres_url)
    unexplained = r"""
        SELECT relname, attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
        WHERE relnamespace = 'jobqueue'::regnamespace AND relkind = 'v'
        AND relname LIKE 'v\_%' AND attnum > 0
        AND (col_description(attrelid, attnum) IS NULL OR obj_description(attrelid) IS NULL)
    """
    assert ask(unexplained) == []
