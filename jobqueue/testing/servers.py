"""The servers that tests run on: your own by URL, else those of the ``embedded`` extra.

A server of your own keeps what it has: tests use prefixes and databases that nobody else has.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from jobqueue.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from jobqueue.embedded.server import Server

REDIS_URL = "JOBQUEUE_TEST_REDIS_URL"
DATABASE_URL = "JOBQUEUE_TEST_DATABASE_URL"

FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",  # it would hold the template that databases are copied from
}


def redis_server() -> AbstractContextManager[str]:
    """Give the URL of a Redis for tests: ``JOBQUEUE_TEST_REDIS_URL``, else an embedded Valkey.

    Raises:
        ConfigurationError: There is neither.
        BrokerUnavailable: The embedded one does not start.
    """

    def make(folder: Path) -> "Server":
        from jobqueue.embedded import ValkeyServer

        return ValkeyServer(folder, aof=False)

    return _given_or_embedded(REDIS_URL, make)


def postgres_server() -> AbstractContextManager[str]:
    """Give the URL of a PostgreSQL for tests: ``JOBQUEUE_TEST_DATABASE_URL``, else embedded.

    Its user must be allowed to create databases.

    Raises:
        ConfigurationError: There is neither.
        HistoryUnavailable: The embedded one does not start.
    """

    def make(folder: Path) -> "Server":
        from jobqueue.embedded import PostgresServer

        return PostgresServer(folder, settings=FAST)

    return _given_or_embedded(DATABASE_URL, make)


@contextmanager
def history(server_url: str, *, template: str | None = None) -> Iterator[str]:
    """Give the URL of a new database with the current schema; it is dropped at the end.

    Args:
        server_url: A database of the server, to connect to first; see :func:`postgres_server`.
        template: URL of another such database, to copy instead of running the migrations.

    Raises:
        HistoryUnavailable: PostgreSQL is away, or its user may not create databases.
    """
    from jobqueue.history import migrate, scratch

    url = scratch.create(server_url, template)
    try:
        if template is None:
            migrate.upgrade(url)
        yield url
    finally:
        scratch.drop(server_url, url)


@contextmanager
def _given_or_embedded(variable: str, make: "Callable[[Path], Server]") -> Iterator[str]:
    if url := os.environ.get(variable):
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="jobqueue-test-") as folder:
        server = make(Path(folder))
        try:
            server.start()
        except ConfigurationError as error:
            error.add_note(f"or set {variable} to the URL of a server for tests")
            raise
        try:
            yield server.url
        finally:
            server.stop()
