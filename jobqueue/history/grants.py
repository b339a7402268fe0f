"""Lets a role read the history, and nothing more.

Views run with their owner's rights, so who only asks them needs no table. ``jobs show``, results,
``dlq list`` and ``schedules list`` read tables; of ``dead_letters`` and ``schedules`` all but
``spec``, which holds redacted arguments as they are.
"""

from psycopg import Connection, sql
from psycopg.errors import UndefinedObject

from jobqueue.domain.errors import ConfigurationError
from jobqueue.history import engine
from jobqueue.history.tables import dead_letters, schedules

_VIEWS = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'jobqueue'::regnamespace AND relkind = 'v' AND relname LIKE 'v\\_%'
    ORDER BY relname
"""
INSIDE = ("job_names", "job_executions", "schedule_occurrences", "operator_log", "alembic_version")
"""What else reading needs: ``state_at``, ``jobs show``, ``schedules audit``, ``log`` …"""


def grant(url: str, role: str) -> list[str]:
    """Let a role that exists read the history; repeating it changes nothing.

    Returns:
        The statements that were run.

    Raises:
        ConfigurationError: There is no such role, or the URL is wrong.
        HistoryError: We may not grant these rights.
        HistoryUnavailable: PostgreSQL is away.
        SchemaMismatch: There is no schema yet.
    """
    with (
        engine.connect_sync(url, "grant", autocommit=False) as connection,
        engine.plain_errors(),
    ):
        done = [each.as_string(connection) for each in _statements(connection, role)]
        try:
            for statement in done:
                connection.execute(statement.encode())
        except UndefinedObject:
            raise ConfigurationError(
                f"there is no role {role!r}: make it with CREATE ROLE"
            ) from None
    return done


def _statements(connection: Connection, role: str) -> list[sql.Composed]:
    reader = sql.Identifier(role)
    views = [name for (name,) in connection.execute(_VIEWS).fetchall()]
    relations = sql.SQL(", ").join(sql.Identifier("jobqueue", name) for name in (*views, *INSIDE))
    return [
        sql.SQL("GRANT USAGE ON SCHEMA jobqueue TO {}").format(reader),
        sql.SQL("GRANT SELECT ON {} TO {}").format(relations, reader),
        *(
            sql.SQL("GRANT SELECT ({}) ON {} TO {}").format(
                sql.SQL(", ").join(sql.Identifier(c.name) for c in each.c if c.name != "spec"),
                sql.Identifier("jobqueue", each.name),
                reader,
            )
            for each in (dead_letters, schedules)
        ),
    ]
