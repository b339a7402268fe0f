"""Migrations: bring the schema up to date, show its revision, check it.

They are plain SQL in ``alembic/versions``, inside the wheel as ``jobqueue/_alembic``. An
installed package runs them without ``alembic.ini``. One at a time: an advisory lock.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy
from alembic.config import Config

from alembic import command
from jobqueue.history import engine, schema
from jobqueue.history.tables import REVISION, SCHEMA

CREATE_SCHEMA = f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"
MIGRATION_LOCK = 0x6A6F6271_0000

_HAS_SCHEMA = sqlalchemy.text(f"SELECT to_regnamespace('{SCHEMA}') IS NOT NULL")
_LOCK = sqlalchemy.text(f"SELECT pg_advisory_lock({MIGRATION_LOCK})")
_UNLOCK = sqlalchemy.text(f"SELECT pg_advisory_unlock({MIGRATION_LOCK})")
_PARTITIONS = sqlalchemy.text("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")

current = schema.current


def upgrade(url: str) -> None:
    """Bring the schema to the revision that this version needs; it may be there already.

    Raises:
        SchemaMismatch: A newer version of this package has been here, and left this one behind.
        ConfigurationError: The URL is wrong or the server too old.
        HistoryUnavailable: PostgreSQL is away or refuses the changes.
    """
    found = schema.read(url)
    if found is not None and found.name > REVISION:
        schema.require(found)
        return  # newer, and it serves this version too
    with engine.plain_errors():
        command.upgrade(config(url), "head")


def check(url: str) -> None:
    """Check that this version of the package can work with the schema.

    Raises:
        SchemaMismatch: It cannot; the message says what to run.
        ConfigurationError: The URL is wrong or the server too old.
        HistoryUnavailable: PostgreSQL is away or refuses us.
    """
    schema.require(schema.read(url))


def config(url: str) -> Config:
    """Return Alembic's configuration for this database, made without a file."""
    configuration = Config()
    # Alembic keeps options in a ConfigParser, where % is special.
    configuration.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    configuration.attributes["url"] = url
    return configuration


def scripts() -> Path:
    """Return the folder of the migrations: in the wheel, else in the source tree."""
    package = Path(__file__).parents[1]
    installed = package / "_alembic"
    return installed if installed.exists() else package.parent / "alembic"


@contextmanager
def alone(connection: sqlalchemy.Connection) -> Iterator[None]:
    """Hold the migration lock, with the schema made, for ``alembic/env.py``.

    The lock is the session's, not a transaction's, so that a migration may commit in between.
    """
    connection.execute(_LOCK)
    try:
        # Who may not make schemas may still own one that an administrator made.
        if not connection.scalar(_HAS_SCHEMA):
            connection.execute(sqlalchemy.text(CREATE_SCHEMA))
        connection.commit()
        yield
    finally:
        connection.rollback()
        connection.execute(_UNLOCK)
        connection.commit()


def filter_for(connection: sqlalchemy.Connection) -> Callable[[str | None, str, object], bool]:
    """Return Alembic's ``include_name``: our schema only, and no partitions."""
    partitions = set(connection.scalars(_PARTITIONS))
    connection.commit()

    def include_name(name: str | None, kind: str, _parents: object) -> bool:
        if kind == "schema":
            return name == SCHEMA
        return kind != "table" or name not in partitions

    return include_name
