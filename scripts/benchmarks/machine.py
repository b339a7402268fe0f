"""What the figures were measured on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import msgspec
from psycopg import AsyncConnection

from jobqueue import __version__
from scripts.benchmarks import loops
from scripts.benchmarks.stage import Stage

BUSY = 0.25  # load of a core by others, above which figures are noise


class Machine(msgspec.Struct, frozen=True):
    """Versions, cores and load; ``load`` is the average of 1, 5 and 15 minutes before the run."""

    product: str
    python: str
    loop: str
    client: str
    redis: str
    postgres: str | None
    system: str
    processor: str
    cores: int
    load: tuple[float, float, float]

    @property
    def busy(self) -> bool:
        """Whether other programs were at work when the run began."""
        return self.load[0] > BUSY * self.cores


async def describe(
    stage: Stage, load: tuple[float, float, float], postgres: AsyncConnection | None = None
) -> Machine:
    """Return what we run on.

    Args:
        stage: The servers.
        load: Was taken before they started.
        postgres: Another PostgreSQL than the stage's.
    """
    return Machine(
        product=f"jobqueue {__version__}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        loop=loops.name(),
        client=f"redis-py {version('redis')} with hiredis {version('hiredis')}",
        redis=await _redis(stage),
        postgres=await _postgres(postgres or stage.postgres),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        processor=_processor(),
        cores=len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1,
        load=load,
    )


async def _redis(stage: Stage) -> str:
    server = await stage.redis.info("server", "memory")
    settings = await stage.redis.config_get("append*")
    name = f"Valkey {server['valkey_version']}" if "valkey_version" in server else ""
    aof = f"AOF {settings['appendfsync']}" if settings["appendonly"] == "yes" else "AOF off"
    line = "Unix socket" if stage.redis_url.startswith("unix") else "TCP"
    name = name or f"Redis {server['redis_version']}"
    return f"{name} (allocator {server['mem_allocator']}), {aof}, {line}"


async def _postgres(connection: AsyncConnection | None) -> str | None:
    if connection is None:
        return None
    cursor = await connection.execute(
        "SELECT current_setting('server_version'), current_setting('fsync'),"
        " current_setting('synchronous_commit')"
    )
    [(number, fsync, commit)] = await cursor.fetchall()
    return f"PostgreSQL {number}, fsync {fsync}, synchronous_commit {commit}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
