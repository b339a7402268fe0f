"""Servers and services of a script's own, in a temporary folder.

No address of the user's environment or project is used, and nothing is left behind.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from jobqueue.embedded import PostgresServer, ValkeyServer
from jobqueue.embedded.process import GuardedProcess, Plan
from scripts.common import surroundings

THROWN_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
LAST_LINES = 5  # of a service that ended, to say why


class ServiceEnded(Exception):
    """A service ended when it should not have; the message says how."""


class Stage:
    """Services by name, and the servers that they use.

    Args:
        folder: Where servers and logs are.
        redis_url: Where the jobs are.
        database_url: Where the history is.
        patience: Seconds for a service to stop.
    """

    def __init__(self, folder: Path, redis_url: str, database_url: str, patience: float) -> None:
        self.redis_url = redis_url
        self.database_url = database_url
        self._folder = folder
        self._patience = patience
        self._services: dict[str, GuardedProcess] = {}

    @property
    def pids(self) -> dict[str, int]:
        """The processes by name."""
        return {name: each.pid for name, each in self._services.items() if each.pid}

    def start(self, name: str, *arguments: str) -> None:
        """Run ``jobqueue`` with these arguments."""
        command = [sys.executable, "-P", "-m", "jobqueue", *arguments]
        plan = Plan(command, str(self._folder), patience=(self._patience,))
        self._services[name] = GuardedProcess(plan, os.environ, self._log(name))

    def kill(self, name: str) -> None:
        """End a service by ``SIGKILL``."""
        self._services.pop(name).kill()

    def stop(self, *names: str) -> None:
        """End services in order, side by side."""
        stopping = [self._services.pop(name) for name in names]
        for service in stopping:
            service.ask_to_stop()
        for service in stopping:
            service.stop()

    def stop_all(self) -> None:
        """End every service in order."""
        self.stop(*self._services)

    def check(self) -> None:
        """Raise ``ServiceEnded`` when a service is gone."""
        for name, service in self._services.items():
            if not service.running:
                lines = self._log(name).read_text(errors="replace").splitlines()
                tail = "\n".join(lines[-LAST_LINES:])
                raise ServiceEnded(f"{name} ended with exit code {service.code}:\n{tail}")

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


@contextmanager
def opened(
    folder: Path, variables: Mapping[str, str], *, patience: float, aof: bool = True
) -> Iterator[Stage]:
    """Start the servers and point this process at them; at the end stop everything.

    Args:
        folder: Where servers and logs go.
        variables: Settings of this process and of every service.
        patience: Seconds for a service to stop.
        aof: Whether Redis keeps its data on disk.

    Raises:
        JobQueueError: A server can't be started; the message says why.
    """
    postgres = PostgresServer(folder, settings=THROWN_AWAY)
    with ValkeyServer(folder, aof=aof) as redis, postgres:
        surroundings.leave(folder)
        own = {"JOBQUEUE_REDIS_URL": redis.url, "JOBQUEUE_DATABASE_URL": postgres.url}
        os.environ.update({**variables, **own})
        stage = Stage(folder, redis.url, postgres.url, patience)
        try:
            yield stage
        finally:
            stage.stop_all()
