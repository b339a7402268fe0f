"""Runs the migrations, for the ``alembic`` command as for ``jobqueue db``.

The version table is in schema ``jobqueue``, so that an application's own Alembic is not in
the way. Partitions are made and dropped all the time; comparisons do not see them.
"""

from logging.config import fileConfig

from alembic.util import CommandError

from alembic import context
from jobqueue import JobQueueError
from jobqueue.history import engine, migrate, tables
from jobqueue.settings import load


def database_url() -> str:
    """Return the URL that our caller gave, else the one of the settings."""
    return context.config.attributes.get("url") or load().required("database_url")


def migrate_or_say() -> None:
    """Run for the ``alembic`` command, which prints an error of its own on one line."""
    try:
        run()
    except JobQueueError as error:
        raise CommandError(str(error)) from error


def print_sql() -> None:
    """Write the statements to standard output, for ``alembic upgrade head --sql``."""
    context.configure(dialect_name="postgresql", version_table_schema=tables.SCHEMA)
    with context.begin_transaction():
        context.execute(migrate.CREATE_SCHEMA)
        context.run_migrations()


def run() -> None:
    """Migrate the database; whoever comes second waits and then finds nothing to do."""
    with (
        engine.create_sync(database_url(), "migration").connect() as connection,
        migrate.alone(connection),
    ):
        context.configure(
            connection=connection,
            target_metadata=tables.metadata,
            version_table_schema=tables.SCHEMA,
            include_schemas=True,
            include_name=migrate.filter_for(connection),
        )
        with context.begin_transaction():
            context.run_migrations()


if context.config.config_file_name:
    fileConfig(context.config.config_file_name, disable_existing_loggers=False)
if context.is_offline_mode():
    print_sql()
elif "url" in context.config.attributes:
    run()  # for `jobqueue db`, which knows our errors
else:
    migrate_or_say()
