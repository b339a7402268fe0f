"""Redis dies, forgets, stalls or refuses."""

import os
import signal
from contextlib import closing
from random import Random

from scripts.faults.registry import Injection, fault
from scripts.faults.stage import Stage

STALL = 11.0  # seconds; the socket timeout of the services is 10


@fault(
    "redis-restart",
    "Redis is restarted in order (AOF)",
    lane="servers",
    doubles="unbegun",
)
def redis_restart(stage: Stage, _random: Random, _injection: Injection) -> None:
    """Stop it by SIGTERM and start it."""
    stage.servers.redis.restart()


@fault(
    "redis-kill",
    "Redis gets kill -9 and is started again (AOF)",
    lane="servers",
    doubles="unbegun",
)
def redis_kill(stage: Stage, random: Random, _injection: Injection) -> None:
    """Kill it, leave it away for a moment, and start it."""
    stage.servers.redis.kill()
    stage.sleep(random.uniform(0.1, 1.5))
    stage.servers.redis.start()


@fault(
    "redis-stall",
    "Redis stands still for longer than the socket timeout",
    lane="servers",
    doubles="unbegun",
)
def redis_stall(stage: Stage, random: Random, _injection: Injection) -> None:
    """Freeze the server's process."""
    pid = stage.servers.redis.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        stage.sleep(STALL + random.uniform(0, 2))
    finally:
        os.kill(pid, signal.SIGCONT)


@fault("script-flush", "SCRIPT FLUSH", lane="servers")
def script_flush(stage: Stage, _random: Random, _injection: Injection) -> None:
    """Forget every script."""
    with closing(stage.servers.client()) as redis:
        redis.script_flush()


@fault(
    "client-kill",
    "CLIENT KILL of every connection",
    lane="servers",
    doubles="unbegun",
)
def client_kill(stage: Stage, _random: Random, _injection: Injection) -> None:
    """Cut every line from the server's side."""
    with closing(stage.servers.client()) as redis:
        redis.client_kill_filter(_type="normal")


@fault("oom", "maxmemory is below what is used: OOM", lane="servers")
def oom(stage: Stage, random: Random, _injection: Injection) -> None:
    """Refuse what needs memory, for some seconds."""
    with closing(stage.servers.client()) as redis:
        redis.config_set("maxmemory", 1)
        try:
            stage.sleep(random.uniform(2, 4))
        finally:
            redis.config_set("maxmemory", 0)


@fault("readonly", "Redis becomes a replica and refuses writes: READONLY", lane="servers")
def readonly(stage: Stage, random: Random, _injection: Injection) -> None:
    """Follow a master that is not there, for some seconds."""
    with closing(stage.servers.client()) as redis:
        redis.replicaof("127.0.0.1", "1")
        try:
            stage.sleep(random.uniform(2, 4))
        finally:
            redis.replicaof("NO", "ONE")
