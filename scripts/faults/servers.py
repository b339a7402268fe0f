"""The servers of the suite: Redis and PostgreSQL behind proxies, and the application's database."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from urllib.parse import unquote

import psycopg
from redis import Redis

from jobqueue.embedded import PostgresServer, ValkeyServer
from jobqueue.history import migrate
from scripts.faults import store
from scripts.faults.proxy import Proxy

# The application's own database is never harmed, so it need not wait for the disk.
THROWN_AWAY = {"fsync": "off", "synchronous_commit": "off", "max_connections": "300"}
PATIENCE = 30.0  # seconds that we wait for Redis, beyond its faults


@dataclass(frozen=True)
class Servers:
    """Servers that run, with the ways to them.

    Attributes:
        to_redis: The services' way to Redis.
        to_postgres: And to PostgreSQL.
        application_url: The database of the application.
    """

    redis: ValkeyServer
    postgres: PostgresServer
    to_redis: Proxy
    to_postgres: Proxy
    application_url: str

    @property
    def redis_url(self) -> str:
        """What services are given."""
        return f"redis://127.0.0.1:{self.to_redis.port}"

    @property
    def database_url(self) -> str:
        """What services are given."""
        host = f"127.0.0.1:{self.to_postgres.port}"
        return f"postgresql://postgres@{host}/postgres?sslmode=disable&gssencmode=disable"

    def client(self) -> Redis:
        """Return our own connection to Redis, past the proxy; close it."""
        return Redis.from_url(self.redis.url, socket_timeout=PATIENCE, decode_responses=True)

    def history(self) -> psycopg.Connection:
        """Return our own connection to the history, past the proxy and without limits; close it."""
        url = f"{self.postgres.url}&options=-cstatement_timeout%3D0"
        return psycopg.connect(url, autocommit=True)

    def application(self) -> psycopg.Connection:
        """Return a connection to the application's database; close it."""
        return psycopg.connect(self.application_url, autocommit=True)


@contextmanager
def opened(folder: Path, random: Random, program: Path | None, fsync: str) -> Iterator[Servers]:
    """Start everything, and at the end stop it.

    Args:
        folder: Where the data goes.
        random: Chooses what proxies break.
        program: A Redis or Valkey server; None takes the wheel's Valkey.
        fsync: ``always`` or ``everysec``.

    Raises:
        JobQueueError: A server can't be started; the message says why.
    """
    with ExitStack() as stack:
        enter = stack.enter_context
        redis = enter(ValkeyServer(folder, program=program, settings={"appendfsync": fsync}))
        postgres = enter(PostgresServer(folder))
        application = enter(PostgresServer(folder / "application", settings=THROWN_AWAY))
        migrate.upgrade(postgres.url)
        to_redis = enter(Proxy(unquote(redis.url.removeprefix("unix://")), random))
        to_postgres = enter(Proxy(_socket(postgres), random))
        servers = Servers(redis, postgres, to_redis, to_postgres, application.url)
        with servers.application() as connection:
            connection.execute(store.SCHEMA)
        yield servers


def _socket(server: PostgresServer) -> str:
    return f"{unquote(server.url.partition('?host=')[2])}/{server.socket_name}"
