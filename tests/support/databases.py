"""Databases of one test: made as copies of a template, dropped afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
from psycopg import sql

from jobqueue.embedded import PostgresServer


def create(server: PostgresServer, template: str = "template1") -> str:
    """Make a database; return its name. Nobody may be connected to ``template``."""
    name = f"test_{uuid4().hex}"
    _run(server, sql.SQL("CREATE DATABASE {} TEMPLATE {}"), name, template)
    return name


@contextmanager
def database(server: PostgresServer, template: str = "template1") -> Iterator[str]:
    """Give the URL of a database of one's own; drop it at the end, whoever is connected."""
    name = create(server, template)
    try:
        yield server.url_of(name)
    finally:
        _run(server, sql.SQL("DROP DATABASE {} WITH (FORCE)"), name)


def _run(server: PostgresServer, statement: sql.SQL, *names: str) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(statement.format(*map(sql.Identifier, names)))
