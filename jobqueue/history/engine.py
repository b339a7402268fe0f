"""Connections to PostgreSQL: the one place that knows URLs, time-outs and error codes.

Every connection of the package is opened here, also those of SQLAlchemy and Alembic, and
every error of theirs becomes one of ours. No message shows a URL: it may hold a password.
"""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from jobqueue.domain import urls
from jobqueue.domain.errors import (
    ConfigurationError,
    HistoryError,
    HistoryUnavailable,
    JobQueueError,
    SchemaMismatch,
)

OLDEST_SERVER = 14

# What the user's URL says wins over these.
DEFAULTS: dict[str, Any] = {
    "connect_timeout": 5,
    "client_encoding": "utf8",
    # A host that vanished is noticed within 30 s, also in the middle of a statement.
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}

PATIENCE = 15  # seconds that a question of a person may keep PostgreSQL busy

Database = AsyncEngine  # for callers, who must not import SQLAlchemy

# A table, column, type, function or schema that this version expects is not there.
WRONG_SCHEMA = ("42P01", "42703", "42704", "42883", "3F000")


def conninfo(url: str, role: str) -> str:
    """Return ``url`` as libpq takes it, with our defaults where it says nothing.

    Args:
        url: ``postgresql://user:password@host:port/database``; ``?host=`` names a socket's folder.
        role: What connects, for ``pg_stat_activity``.

    Raises:
        ConfigurationError: It is no PostgreSQL URL.
    """
    try:
        given = conninfo_to_dict(urls.database_url(url))
    except ValueError as error:
        raise ConfigurationError(f"database_url: {error}") from None
    except psycopg.ProgrammingError as error:
        # libpq quotes the URL behind its first words: an option that it does not know.
        problem = str(error).strip().splitlines()[0].split(": ")[0]
        raise ConfigurationError(f"database_url: {problem}") from None
    return make_conninfo("", **(DEFAULTS | {"application_name": f"jobqueue {role}"} | given))


def check_server(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> None:
    """Refuse a server that cannot hold the history.

    Raises:
        ConfigurationError: It is older than PostgreSQL 14, or its database is not in UTF-8.
    """
    check_version(connection.info.server_version)
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise ConfigurationError(
            f"database_url: the database is in {encoding}; make one with ENCODING 'UTF8'"
        )


def check_version(version: int) -> None:
    """Refuse a server whose version number, as libpq counts (140005), is too low.

    Raises:
        ConfigurationError: It is older than PostgreSQL 14.
    """
    if version < OLDEST_SERVER * 10_000:
        raise ConfigurationError(
            f"database_url: this is PostgreSQL {version // 10_000}; "
            f"jobqueue needs {OLDEST_SERVER} or newer"
        )


def connect_sync(url: str, role: str, *, autocommit: bool = True) -> psycopg.Connection[Any]:
    """Open a connection for simple commands and migrations.

    Raises:
        ConfigurationError: The URL is wrong or the server too old.
        HistoryUnavailable: PostgreSQL cannot be reached or refuses us.
    """
    with plain_errors():
        connection = psycopg.connect(
            conninfo(url, role), autocommit=autocommit, prepare_threshold=None
        )
        try:
            check_server(connection)
        except ConfigurationError:
            connection.close()
            raise
    return connection


async def connect(url: str, role: str, *, autocommit: bool = True) -> psycopg.AsyncConnection[Any]:
    """Open a connection; raises what ``connect_sync`` raises.

    Nothing is prepared on the server, so that a pooler may stand in between.
    """
    with plain_errors():
        connection = await psycopg.AsyncConnection.connect(
            conninfo(url, role), autocommit=autocommit, prepare_threshold=None
        )
        try:
            check_server(connection)
        except ConfigurationError:
            await connection.close()
            raise
    return connection


def create(url: str, role: str) -> Database:
    """Return the engine for ``history.queries``; it connects when it is first used.

    Dispose of it with ``await engine.dispose()`` on the event loop that used it.

    Raises:
        ConfigurationError: The URL is wrong.
    """
    conninfo(url, role)  # refused now, not at the first query
    return create_async_engine(
        "postgresql+psycopg://",
        async_creator=lambda: connect(url, role, autocommit=False),
        pool_pre_ping=True,
        pool_size=5,
        use_native_hstore=False,  # or each connection looks for a type that nobody uses
    )


@asynccontextmanager
async def opened(url: str, role: str) -> AsyncIterator[Database]:
    """Give the engine of ``create`` for a block, and close its connections at the end."""
    database = create(url, role)
    try:
        yield database
    finally:
        await database.dispose()


@asynccontextmanager
async def asking(database: Database) -> AsyncIterator[AsyncConnection]:
    """Give a connection for a person's questions, of which none may take for ever.

    Raises:
        HistoryError: PostgreSQL needs longer than ``PATIENCE``, or we lack a permission.
        HistoryUnavailable: PostgreSQL is away.
        SchemaMismatch: Something that this version expects is not there.
    """
    with plain_errors():
        async with database.connect() as connection:
            # For this transaction alone: a pooler may give the session to somebody else.
            await connection.execute(text(f"SET LOCAL statement_timeout = '{PATIENCE}s'"))
            try:
                yield connection
            except DBAPIError as error:
                if isinstance(error.orig, psycopg.errors.QueryCanceled):
                    raise too_long() from error
                raise


def too_long() -> HistoryError:
    """Return what to say of a question that took longer than ``PATIENCE``."""
    return HistoryError(
        f"PostgreSQL has no answer within {PATIENCE} s, so it was stopped: ask for less, such as "
        "one name, or a later since"
    )


def create_sync(url: str, role: str) -> Engine:
    """Return an engine without a pool, for Alembic."""
    return create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect_sync(url, role, autocommit=False),
        poolclass=NullPool,
        use_native_hstore=False,
    )


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn what psycopg and SQLAlchemy raise into our errors.

    Raises:
        SchemaMismatch: Something that this version expects is not there.
        HistoryError: We lack a permission; the message says what to grant.
        HistoryUnavailable: PostgreSQL is away, too busy, read-only or refuses us.
    """
    try:
        yield
    except (psycopg.Error, DBAPIError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        plain = _plain(cause) if isinstance(cause, psycopg.Error) else None
        if plain is None:
            raise
        raise plain from error


def _plain(error: psycopg.Error) -> JobQueueError | None:
    # Without the statement's text, which PostgreSQL quotes below its message.
    message = error.diag.message_primary or " ".join(str(error).split())
    if error.sqlstate in WRONG_SCHEMA:
        return SchemaMismatch(f"PostgreSQL: {message}; run `jobqueue db upgrade`")
    if isinstance(error, psycopg.errors.InsufficientPrivilege) or _NO_DATABASE in message:
        return HistoryError(f"PostgreSQL: {message}; {_grant(message)}")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | psycopg.InternalError):
        return HistoryUnavailable(f"PostgreSQL: {message}")
    return None


_NO_DATABASE = "permission denied for database"  # a refused connection has no code


def _grant(message: str) -> str:
    """Return what an administrator has to run."""
    if found := re.search(rf'{_NO_DATABASE} "?([^\s"]+)', message):
        return f"run GRANT CONNECT, CREATE ON DATABASE {found[1]} TO this user"
    return (
        "run GRANT owner TO this user, where owner is the role that ran `jobqueue db upgrade`; "
        "see `jobqueue docs settings`"
    )
