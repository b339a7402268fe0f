"""The schema's revision: read it, compare it, say what to run.

Alembic is not imported here: the recorder checks at each connection and runs no migration.

A database is upgraded before the code, so older code meets newer schemas. Each migration says
in a comment of its version table which is the oldest code that it still serves.
"""

import re
from typing import Any, NamedTuple

import psycopg

from jobqueue.domain.errors import SchemaMismatch
from jobqueue.history import engine
from jobqueue.history.tables import REVISION

_CURRENT = """
    SELECT version_num, obj_description('jobqueue.alembic_version'::regclass, 'pg_class')
    FROM jobqueue.alembic_version
"""
_OLDEST = re.compile(r"oldest code: (\d{4})")


class Revision(NamedTuple):
    """What a database holds.

    Args:
        name: The newest migration that ran there.
        oldest_code: The oldest revision whose code works on it.
    """

    name: str
    oldest_code: str


def current(url: str) -> str | None:
    """Return the name of the schema's revision; raises like ``read``."""
    found = read(url)
    return found.name if found else None


def read(url: str) -> Revision | None:
    """Return the schema's revision; ``None`` when there is no schema.

    Raises:
        ConfigurationError: The URL is wrong or the server too old.
        HistoryUnavailable: PostgreSQL is away or refuses us.
    """
    with engine.connect_sync(url, "check") as connection, engine.plain_errors():
        try:
            return _revision(connection.execute(_CURRENT).fetchone())
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            return None


async def check(connection: psycopg.AsyncConnection[Any]) -> None:
    """Check that this version of the package can work with the schema.

    Args:
        connection: In autocommit mode.

    Raises:
        SchemaMismatch: It cannot; the message says what to run.
        HistoryUnavailable: PostgreSQL is away.
    """
    require(await find(connection))


async def find(connection: psycopg.AsyncConnection[Any]) -> Revision | None:
    """Return the schema's revision; ``None`` when there is no schema.

    Args:
        connection: In autocommit mode.

    Raises:
        HistoryUnavailable: PostgreSQL is away.
    """
    with engine.plain_errors():
        try:
            return _revision(await (await connection.execute(_CURRENT)).fetchone())
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            return None


def require(found: Revision | None) -> None:
    """Compare a revision with the one of this version; names of revisions sort by age.

    Raises:
        SchemaMismatch: The schema is older, or so new that it does not serve this version.
    """
    if found is not None and found.name >= REVISION:
        if found.oldest_code <= REVISION:
            return
        raise SchemaMismatch(
            f"the database schema is at revision {found.name}, made by a newer jobqueue; "
            f"this one knows {REVISION}: upgrade the package"
        )
    state = f"at revision {found.name}" if found else "missing"
    raise SchemaMismatch(
        f"the database schema is {state}, this version needs {REVISION}: run `jobqueue db upgrade`"
    )


def _revision(row: tuple[Any, ...] | None) -> Revision | None:
    if row is None:
        return None
    name, comment = row
    said = _OLDEST.search(comment or "")
    return Revision(name, said[1] if said else name)
