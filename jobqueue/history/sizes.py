"""How much room the history takes in PostgreSQL."""

import msgspec

from jobqueue.history import engine

_SIZES = """
    SELECT
        relname, pg_total_relation_size(oid), pg_indexes_size(oid),
        CASE WHEN reltuples >= 0 THEN reltuples::bigint END
    FROM pg_class
    WHERE relnamespace = to_regnamespace('jobqueue') AND relkind = 'r'
    ORDER BY relname
"""


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """One table, or one month of executions.

    Args:
        table: Its name in schema ``jobqueue``.
        bytes: All of it, indexes included.
        index_bytes: Its indexes.
        rows: As PostgreSQL last estimated; ``None`` before it ever did.
    """

    table: str
    bytes: int
    index_bytes: int
    rows: int | None


def sizes(url: str) -> list[Size]:
    """Return every table of the schema by name; none when there is no schema.

    Raises:
        ConfigurationError: The URL is wrong.
        HistoryUnavailable: PostgreSQL is away.
    """
    with engine.connect_sync(url, "size") as connection, engine.plain_errors():
        return [
            Size(table=table, bytes=whole, index_bytes=indexes, rows=rows)
            for table, whole, indexes, rows in connection.execute(_SIZES).fetchall()
        ]
