"""Where the demo plays: servers and services of its own, in a temporary folder.

No address of the user's environment or project is used, and nothing is left behind.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from jobqueue.embedded import PostgresServer, ValkeyServer
from jobqueue.embedded.process import GuardedProcess, Plan
from jobqueue.settings import SETTINGS

SETTINGS_OF_THE_DEMO = {
    "JOBQUEUE_CONCURRENCY": "4",  # parsing is work for the processor: few at a time
    "JOBQUEUE_LEASE": "4",  # so that what a dead worker held comes back soon
    "JOBQUEUE_GRACE": "5",
    "JOBQUEUE_LOG_FORMAT": "people",
}
THROWN_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
PATIENCE = 10.0


class ServiceEnded(Exception):
    """A service of the demo ended when it should not have; the message says how."""


class Stage:
    """The services of the demo by name.

    Args:
        folder: Where servers and logs are.
        database_url: Where the history is.
    """

    def __init__(self, folder: Path, database_url: str) -> None:
        self.database_url = database_url
        self._folder = folder
        self._services: dict[str, GuardedProcess] = {}

    def start(self, name: str, *arguments: str) -> None:
        """Run ``jobqueue`` with these arguments."""
        command = [sys.executable, "-P", "-m", "jobqueue", *arguments]
        plan = Plan(command, str(self._folder), patience=(PATIENCE,))
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
                tail = "\n".join(self._log(name).read_text(errors="replace").splitlines()[-5:])
                raise ServiceEnded(f"{name} ended with exit code {service.code}:\n{tail}")

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Stage]:
    """Start the servers and point this process at them; at the end stop everything.

    Raises:
        JobQueueError: A server can't be started; the message says why.
    """
    postgres = PostgresServer(folder, settings=THROWN_AWAY)
    with ValkeyServer(folder) as redis, postgres:
        _forget_surroundings(folder)
        os.environ.update(SETTINGS_OF_THE_DEMO)
        os.environ["JOBQUEUE_REDIS_URL"] = redis.url
        os.environ["JOBQUEUE_DATABASE_URL"] = postgres.url
        stage = Stage(folder, postgres.url)
        try:
            yield stage
        finally:
            stage.stop_all()


def _forget_surroundings(folder: Path) -> None:
    """Leave every setting of the user behind: variables, and the project we were called in."""
    fallbacks = {row.fallback for row in SETTINGS.values()}
    for name in list(os.environ):
        if name.startswith("JOBQUEUE_") or name in fallbacks:
            del os.environ[name]
    os.chdir(folder)
