"""The schema's revision: read it, compare it, say what to run.

Alembic is not imported here: the recorder checks at each connection and runs no migration.
"""

from typing import Any

import psycopg

from jobqueue.domain.errors import SchemaMismatch
from jobqueue.history import engine
from jobqueue.history.tables import REVISION

_CURRENT = "SELECT version_num FROM jobqueue.alembic_version"


def current(url: str) -> str | None:
    """Return the schema's revision; ``None`` when there is no schema.

    Raises:
        ConfigurationError: The URL is wrong or the server too old.
        HistoryUnavailable: PostgreSQL is away or refuses us.
    """
    with engine.connect_sync(url, "check") as connection, engine.plain_errors():
        try:
            return _revision(connection.execute(_CURRENT).fetchone())
        except psycopg.errors.UndefinedTable:
            return None


async def check(connection: psycopg.AsyncConnection[Any]) -> None:
    """Check that the schema is at the revision that this version needs.

    Args:
        connection: In autocommit mode.

    Raises:
        SchemaMismatch: It is not; the message says what to run.
        HistoryUnavailable: PostgreSQL is away.
    """
    with engine.plain_errors():
        try:
            found = _revision(await (await connection.execute(_CURRENT)).fetchone())
        except psycopg.errors.UndefinedTable:
            found = None
    require(found)


def require(found: str | None) -> None:
    """Compare a revision with the one that this version needs.

    Raises:
        SchemaMismatch: They differ. Revisions sort by age, so the message can say which is newer.
    """
    if found == REVISION:
        return
    if found is not None and found > REVISION:
        raise SchemaMismatch(
            f"the database schema is at revision {found}, made by a newer jobqueue; "
            f"this one knows {REVISION}: upgrade the package"
        )
    state = f"at revision {found}" if found else "missing"
    raise SchemaMismatch(
        f"the database schema is {state}, this version needs {REVISION}: run `jobqueue db upgrade`"
    )


def _revision(row: tuple[Any, ...] | None) -> str | None:
    return str(row[0]) if row else None
