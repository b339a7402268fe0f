"""Addresses and errors of PostgreSQL."""

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import text

from jobqueue.domain.errors import (
    ConfigurationError,
    HistoryError,
    HistoryUnavailable,
    SchemaMismatch,
)
from jobqueue.history import engine


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_schemes(scheme: str) -> None:
    """The names that other tools use for PostgreSQL all work."""
    parts = conninfo_to_dict(engine.conninfo(f"{scheme}://me:a%40b@db:5433/jobs", "client"))
    assert (parts["user"], parts["password"], parts["host"]) == ("me", "a@b", "db")
    assert (parts["port"], parts["dbname"]) == ("5433", "jobs")
    assert parts["application_name"] == "jobqueue client"


def test_the_url_wins() -> None:
    """What a user writes into the URL stands against our defaults; the rest is added."""
    url = "postgresql://db/jobs?connect_timeout=1&application_name=mine&host=/run/pg"
    parts = conninfo_to_dict(engine.conninfo(url, "client"))
    assert (parts["connect_timeout"], parts["application_name"]) == ("1", "mine")
    assert (parts["host"], parts["client_encoding"]) == ("/run/pg", "utf8")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "jobs",
        "mysql://me:secret@db/jobs",
        "postgresql+asyncpg://me:secret@db/jobs",
        "postgresql://me:secret@db/jobs?colour=red",
        "postgresql://me:secret@[db/jobs",
    ],
)
def test_a_wrong_url(url: str) -> None:
    """A wrong URL is refused by its setting's name, and its password is not shown."""
    with pytest.raises(ConfigurationError, match="database_url: ") as refused:
        engine.create(url, "client")
    assert "secret" not in str(refused.value)


def test_an_old_server() -> None:
    """PostgreSQL 13 is refused with its number and ours; 14 is not."""
    engine.check_version(140_000)
    with pytest.raises(ConfigurationError, match="PostgreSQL 13; jobqueue needs 14"):
        engine.check_version(130_015)


def test_another_encoding(postgres_url: str) -> None:
    """A database that can't hold every character is refused."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        own = connection.info.dbname
        name = f"{own}_latin"
        create = "CREATE DATABASE {} ENCODING LATIN1 LOCALE 'C' TEMPLATE template0"
        connection.execute(psycopg.sql.SQL(create).format(psycopg.sql.Identifier(name)))
    with pytest.raises(ConfigurationError, match="LATIN1"):
        engine.connect_sync(postgres_url.replace(own, name), "client")


def test_an_unknown_database(postgres_url: str) -> None:
    """A database that is not there is reported in PostgreSQL's words."""
    with pytest.raises(HistoryUnavailable, match='database "nowhere" does not exist'):
        engine.connect_sync(f"{postgres_url}&dbname=nowhere", "client")


async def test_a_question_that_takes_long(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL is stopped, who asked is told what to do, and the next question is free again."""
    monkeypatch.setattr(engine, "PATIENCE", 0.1)
    async with engine.opened(postgres_url, "test") as database:
        with pytest.raises(HistoryError, match=r"no answer within .*ask for less"):
            async with engine.asking(database) as connection:
                await connection.execute(text("SELECT pg_sleep(60)"))
        async with database.connect() as connection:
            assert await connection.scalar(text("SHOW statement_timeout")) == "0"


async def test_no_rights(postgres_url: str) -> None:
    """A user who may not read is told so in one line, and what to grant."""
    async with await engine.connect(postgres_url, "client") as connection:
        await connection.execute("CREATE ROLE guest; SET ROLE guest")
        with pytest.raises(HistoryError) as refused, engine.plain_errors():
            await connection.execute("SELECT *\nFROM pg_authid")
        await connection.execute("RESET ROLE; DROP ROLE guest")
    message = "PostgreSQL: permission denied for table pg_authid; run GRANT owner TO this user, "
    assert str(refused.value).startswith(message)


async def test_no_right_to_connect(postgres_url: str) -> None:
    """A database that the user may not enter is no server that is away."""
    async with await engine.connect(postgres_url, "client") as connection:
        name = connection.info.dbname
        await connection.execute("CREATE ROLE guest LOGIN")
        await connection.execute(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC".encode())
        with pytest.raises(HistoryError, match=f"GRANT CONNECT, CREATE ON DATABASE {name} TO"):
            engine.connect_sync(postgres_url.replace("postgres@", "guest@"), "client")
        await connection.execute("DROP ROLE guest")


async def test_a_missing_table(postgres_url: str) -> None:
    """No statement of ours is in the message; what to run is."""
    async with await engine.connect(postgres_url, "client") as connection:
        with pytest.raises(SchemaMismatch) as refused, engine.plain_errors():
            await connection.execute("SELECT 1\nFROM jobqueue.job_executions")
    assert str(refused.value) == (
        'PostgreSQL: relation "jobqueue.job_executions" does not exist; run `jobqueue db upgrade`'
    )


async def test_our_own_mistakes_show(postgres_url: str) -> None:
    """An error in a statement is no outage: it must not be repeated for ever."""
    async with await engine.connect(postgres_url, "client") as connection:
        with pytest.raises(psycopg.errors.SyntaxError), engine.plain_errors():
            await connection.execute("SELEC 1")
