"""Where the soak runs: servers and services of its own, in a temporary folder."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobqueue.embedded import PostgresServer, ValkeyServer
from jobqueue.embedded.process import GuardedProcess, Plan
from jobqueue.history import migrate
from jobqueue.settings import SETTINGS

APP = "scripts.soaking.jobs:app"
SERVICES = {
    "worker 1": ("worker", APP, "--concurrency", "20"),
    "worker 2": ("worker", APP, "--concurrency", "20"),
    "scheduler": ("scheduler", APP),
}
# What is kept for a while must have reached its level when the warm-up is over.
SETTINGS_OF_THE_SOAK = {
    "JOBQUEUE_RESULT_TTL": "20s",
    "JOBQUEUE_IDEMPOTENCY_TTL": "20s",
    "JOBQUEUE_LOG_LEVEL": "error",
}
NOT_FOR_EVER = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
PATIENCE = 35.0  # seconds for a service to stop


class ServiceEnded(Exception):
    """A service ended in the middle; the message says how."""


class Stage:
    """The processes and servers of one soak.

    Args:
        folder: Where servers and logs are.
        redis: A running server.
        postgres: A running server with the schema.
    """

    def __init__(self, folder: Path, redis: ValkeyServer, postgres: PostgresServer) -> None:
        self.redis_url = redis.url
        self.database_url = postgres.url
        self._folder = folder
        self._services: dict[str, GuardedProcess] = {}

    @property
    def pids(self) -> dict[str, int]:
        """The processes by name."""
        return {name: each.pid for name, each in self._services.items() if each.pid}

    def start(self) -> None:
        """Start every service."""
        for name, arguments in SERVICES.items():
            command = [sys.executable, "-P", "-m", "jobqueue", *arguments]
            plan = Plan(command, str(self._folder), patience=(PATIENCE,))
            self._services[name] = GuardedProcess(plan, os.environ, self._log(name))

    def stop(self) -> None:
        """Stop every service in order, side by side."""
        for each in self._services.values():
            each.ask_to_stop()
        for each in self._services.values():
            each.stop()

    def check(self) -> None:
        """Raise ``ServiceEnded`` when a service is gone."""
        for name, each in self._services.items():
            if not each.running:
                tail = "\n".join(self._log(name).read_text(errors="replace").splitlines()[-5:])
                raise ServiceEnded(f"{name} ended with exit code {each.code}:\n{tail}")

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


@contextmanager
def opened(folder: Path) -> Iterator[Stage]:
    """Start servers and services; at the end stop everything.

    Raises:
        JobQueueError: A server can't be started; the message says why.
    """
    with (
        ValkeyServer(folder, aof=False) as redis,
        PostgresServer(folder, settings=NOT_FOR_EVER) as postgres,
    ):
        migrate.upgrade(postgres.url)
        _forget_surroundings(folder)
        own = {"JOBQUEUE_REDIS_URL": redis.url, "JOBQUEUE_DATABASE_URL": postgres.url}
        os.environ.update(SETTINGS_OF_THE_SOAK | own)
        stage = Stage(folder, redis, postgres)
        try:
            stage.start()
            yield stage
        finally:
            stage.stop()


def _forget_surroundings(folder: Path) -> None:
    """Leave every setting of the user behind: variables, and the project we were called in."""
    fallbacks = {row.fallback for row in SETTINGS.values()}
    for name in list(os.environ):
        if name.startswith("JOBQUEUE_") or name in fallbacks:
            del os.environ[name]
    os.chdir(folder)
