"""The whole system: servers, services, files, and the seconds that faults may take."""

import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from scripts.common.surroundings import without_settings
from scripts.faults import app, hosts, producer, store
from scripts.faults.plan import LEASE
from scripts.faults.servers import Servers
from scripts.faults.services import Crew

ROOT = Path(__file__).parents[2]
APP, WITH_CLOCK = "scripts.faults.jobs:app", "scripts.faults.clock:app"

WORKERS = {
    "loops": ("--queues", "main,side", "--concurrency", "60"),
    "shared": ("--queues", "main:2,side:1", "--concurrency", "60"),
    "threads": ("--queues", "main", "--concurrency", "30", "--threads", "8"),
    "children": ("--queues", "side", "--concurrency", "3"),
}
SCHEDULERS = ("scheduler-1", "scheduler-2")
RECORDER, PRODUCER = "recorder", "producer"


@dataclass
class Stage:
    """Where everything plays.

    Attributes:
        seconds: How long faults are injected.
        other: Revision of the other version for mixed versions; None takes the newest earlier one.
        blockers: Ids of jobs that we enqueued ourselves.
    """

    folder: Path
    servers: Servers
    crew: Crew
    seed: int
    jobs: int
    seconds: float
    other: str | None = None
    blockers: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def notes(self) -> Path:
        """What handlers note."""
        return self.folder / "notes"

    @property
    def produced(self) -> Path:
        """What the producer notes."""
        return self.folder / "produced"

    def start(self) -> None:
        """Start every service."""
        for name in SCHEDULERS:
            self.add(name, "scheduler", WITH_CLOCK)
        self.add(RECORDER, "recorder")
        for name, flags in WORKERS.items():
            self.add(name, "worker", APP, *flags)

    def add(self, name: str, *arguments: str) -> None:
        """Start a service by the command line."""
        self.crew.add(name, ["-m", "jobqueue", *arguments], self.environment(name))

    def produce(self) -> None:
        """Start the producer; the time of the run begins now."""
        variables = {
            producer.PATH: self.produced,
            producer.SEED: self.seed,
            producer.COUNT: self.jobs,
            producer.SECONDS: self.seconds,
            producer.BEGAN: time.monotonic(),
        }
        environment = self.environment(PRODUCER)
        environment |= {name: str(value) for name, value in variables.items()}
        self.crew.add(PRODUCER, ["-m", "scripts.faults.producer"], environment, endless=False)

    def environment(self, name: str, package: Path | None = None) -> dict[str, str]:
        """Return the variables of a service; ``package`` holds another version of jobqueue."""
        paths = [hosts.prepare(self.folder), *([package] if package else []), ROOT]
        own: dict[str, object] = {
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "JOBQUEUE_REDIS_URL": self.servers.redis_url,
            "JOBQUEUE_DATABASE_URL": self.servers.database_url,
            "JOBQUEUE_LEASE": LEASE,
            "JOBQUEUE_GRACE": 5,
            "JOBQUEUE_LOG_FORMAT": "json",
            store.URL: self.servers.application_url,
            app.NOTES: self.notes,
            hosts.OFFSET: hosts.clock_of(self.folder, name),
        }
        return without_settings(os.environ) | {key: str(value) for key, value in own.items()}

    def sleep(self, seconds: float) -> None:
        """Wait, but not when the run is over before its time."""
        self._over.wait(seconds)

    def end(self) -> None:
        """End every service, and every wait."""
        self._over.set()
        self.crew.end()

    @property
    def over(self) -> bool:
        """Whether all is to end."""
        return self._over.is_set()

    def scaled(self, share: float, least: float, most: float) -> float:
        """Return a share of the run in seconds, within bounds."""
        return min(most, max(least, self.seconds * share))
