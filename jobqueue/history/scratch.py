"""Databases for one test: made new or as a copy of another, dropped afterwards."""

from urllib.parse import urlsplit
from uuid import uuid4

from psycopg import sql

from jobqueue.history import engine

PREFIX = "jobqueue_test_"


def create(server_url: str, template_url: str | None = None) -> str:
    """Make a database with a name of its own on a server; return its URL.

    Args:
        server_url: A database of that server, to connect to first.
        template_url: A database to copy; nobody may be connected to it.

    Raises:
        HistoryUnavailable: PostgreSQL is away, or its user may not create databases.
    """
    name = f"{PREFIX}{uuid4().hex}"
    template = "template1" if template_url is None else _name_of(template_url)
    _run(server_url, sql.SQL("CREATE DATABASE {} TEMPLATE {}"), name, template)
    return _with_name(server_url, name)


def drop(server_url: str, url: str) -> None:
    """Drop a database, whoever is connected to it.

    Raises:
        HistoryUnavailable: PostgreSQL is away.
    """
    _run(server_url, sql.SQL("DROP DATABASE {} WITH (FORCE)"), _name_of(url))


def _run(url: str, statement: sql.SQL, *names: str) -> None:
    with engine.plain_errors(), engine.connect_sync(url, "tests") as connection:
        connection.execute(statement.format(*map(sql.Identifier, names)))


def _name_of(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def _with_name(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()
