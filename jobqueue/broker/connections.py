"""Opens connections to one server, with redis-py's own retries off.

Keepalive finds a host that vanished without a word within ten seconds, also on a
connection that only waits: no service may sit there while another master works.
"""

import socket
from functools import cache
from typing import Any, Protocol

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry as RedisRetry

from jobqueue.domain.topology import Address, Several

CONNECT = 5.0  # seconds

# Idle for 4 s, then three questions 2 s apart; and no longer for what was sent.
_KEEPALIVE = {
    getattr(socket, name): value
    for name, value in {
        "TCP_KEEPIDLE": 4,
        "TCP_KEEPALIVE": 4,  # the same by its name on macOS
        "TCP_KEEPINTVL": 2,
        "TCP_KEEPCNT": 3,
        "TCP_USER_TIMEOUT": 10_000,
    }.items()
    if hasattr(socket, name)
}

# redis-py annotates its connections only in part, so they are Any from here on.
Connection = Any


# Every connection would read the version of redis-py from disk again, for a millisecond.
_driver = cache(redis.DriverInfo)


class Home(Protocol):
    """Knows where the Redis is that a lane talks to."""

    async def connect(self) -> Connection:
        """Open an asynchronous connection."""

    def connect_sync(self, timeout: float) -> Connection:
        """Open a blocking connection, whose answers take at most ``timeout`` seconds."""


class Single:
    """One server at one URL.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://`` with user, password and database.
        name: Shown by ``CLIENT LIST``.
        patience: Seconds to wait for a connection.
    """

    def __init__(self, url: str, name: str, patience: float = CONNECT) -> None:
        self.url = url
        self._options: dict[str, Any] = {
            "protocol": 3,
            "legacy_responses": False,
            "client_name": name,
            "driver_info": _driver(),
            "socket_connect_timeout": patience,
            # Else each connection asks for what only one vendor's servers know.
            "maint_notifications_config": MaintNotificationsConfig(enabled=False),
        }
        if not url.startswith("unix:"):
            self._options |= {"socket_keepalive": True, "socket_keepalive_options": _KEEPALIVE}

    async def connect(self) -> Connection:
        """Open an asynchronous connection without a timeout of its own."""
        pool: Any = redis.asyncio.ConnectionPool.from_url(
            self.url,
            retry=redis.asyncio.retry.Retry(NoBackoff(), 0),
            socket_timeout=None,
            **self._options,
        )
        connection = pool.make_connection()
        try:
            await connection.connect()
        except BaseException:  # a cancellation, too
            await connection.disconnect(nowait=True)
            raise
        return connection

    def connect_sync(self, timeout: float) -> Connection:
        """Open a blocking connection, whose answers take at most ``timeout`` seconds."""
        pool: Any = redis.ConnectionPool.from_url(
            self.url, retry=RedisRetry(NoBackoff(), 0), socket_timeout=timeout, **self._options
        )
        connection = pool.make_connection()
        try:
            connection.connect()
        except BaseException:
            connection.disconnect()
            raise
        return connection


class Hosts:
    """The servers of a URL that names several.

    Args:
        url: What the URL says.
        name: Shown by ``CLIENT LIST``.
    """

    def __init__(self, url: Several, name: str) -> None:
        self._url = url
        self._name = name

    def home(self, address: Address, patience: float = CONNECT) -> Single:
        """Return one of the servers with keys."""
        return Single(self._url.url(address), self._name, patience)
