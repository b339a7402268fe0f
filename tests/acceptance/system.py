"""Real processes of the command line, and what a test may ask about them.

A :class:`System` starts programs and ends every one of them, also those that its programs
have started: all carry a mark in their environment, and none may be left.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.rows import dict_row
from redis import Redis

from jobqueue import JobQueue
from jobqueue.settings import load
from tests.support import wait_until_sync

ROOT = Path(__file__).parents[2]
MARK = "SYSTEM_MARK"
PATIENCE = 30.0  # seconds for a program to start or to end, on a busy machine


def app_path(name: str) -> str:
    """Return ``MODULE:APP`` of a module in ``apps/``."""
    return f"tests.acceptance.apps.{name}:app"


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    code: int
    out: str
    err: str


class Program:
    """A command that runs beside the test.

    Args:
        arguments: What comes after ``jobqueue``.
        environment: Its variables.
        log: Where its stderr goes.
    """

    def __init__(self, arguments: Sequence[str], environment: dict[str, str], log: Path) -> None:
        self.name = " ".join(arguments)
        self._log = log
        with log.open("wb") as stderr:
            command = [sys.executable, "-m", "jobqueue", *arguments]
            self.process = subprocess.Popen(command, cwd=log.parent, env=environment, stderr=stderr)

    @property
    def log(self) -> str:
        """Everything that it has written to stderr."""
        return self._log.read_text("utf-8")

    @property
    def events(self) -> list[dict[str, Any]]:
        """Its log lines."""
        lines = [line for line in self.log.splitlines() if line.startswith("{")]
        return [json.loads(line) for line in lines if line.endswith("}")]

    def event(self, name: str) -> dict[str, Any]:
        """Wait for a log line and return it.

        Raises:
            AssertionError: The program ended, or did not write it in time.
        """

        def written() -> dict[str, Any] | None:
            found = [each for each in self.events if each["event"] == name]
            assert found or self.process.poll() is None, f"{self.name} ended:\n{self.log}"
            return found[0] if found else None

        return wait_until_sync(written, description=f"{self.name}: {name}", deadline=PATIENCE) or {}

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Wait for its end and return its exit code."""
        return self.process.wait(timeout)

    def ends(self, within: float) -> bool:
        """Say whether it ends within so many seconds."""
        try:
            self.wait(within)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> int:
        """End it in order and return its exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End it without a word, and wait until it is gone."""
        self.process.kill()
        self.process.wait()


class System:
    """Servers, a folder for notes, and programs that use both.

    Args:
        redis_url: An empty Redis.
        history_url: A migrated database.
        folder: Where logs and notes go.
    """

    def __init__(self, redis_url: str, history_url: str, folder: Path) -> None:
        self.redis_url = redis_url
        self.notes_file = folder / "notes"
        self.notes_file.touch()
        self._folder = folder
        self._mark = uuid4().hex
        self._programs: list[Program] = []
        self.urls = {"JOBQUEUE_REDIS_URL": redis_url, "JOBQUEUE_DATABASE_URL": history_url}
        settings = load({"redis_url": redis_url, "database_url": history_url}, environ={})
        self.queue = JobQueue(settings=settings)
        self._database = psycopg.connect(history_url, autocommit=True, row_factory=dict_row)
        self.redis = Redis.from_url(redis_url, decode_responses=True)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of every program."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("JOBQUEUE_") and name not in {"REDIS_URL", "DATABASE_URL"}
        }
        own = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        return kept | self.urls | own | {"NOTES": str(self.notes_file), MARK: self._mark}

    # Programs

    def run(self, *arguments: str, stdin: str | None = None, **variables: str) -> Ended:
        """Run a command to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "jobqueue", *arguments],
            cwd=self._folder,
            env=self.environment | variables,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def ask(self, *arguments: str) -> Any:
        """Run a command that must succeed, with ``--json``, and return what it printed."""
        ended = self.run(*arguments, "--json")
        assert ended.code == 0, ended
        return json.loads(ended.out)

    def start(self, *arguments: str, **variables: str) -> Program:
        """Start a command and let it run."""
        log = self._folder / f"{len(self._programs)}.log"
        program = Program(arguments, self.environment | variables, log)
        self._programs.append(program)
        return program

    def worker(self, app: str, *flags: str) -> Program:
        """Start a worker of an app in ``apps/`` and wait until it serves."""
        program = self.start("worker", app_path(app), *flags)
        program.event("worker started")
        return program

    def scheduler(self, *arguments: str, **variables: str) -> Program:
        """Start a scheduler, which records too, and wait until it runs."""
        program = self.start("scheduler", *arguments, **variables)
        program.event("service started")
        return program

    def lives(self, role: str, count: int = 1) -> None:
        """Wait until so many services of a role have said that they live."""
        wait_until_sync(
            lambda: len(self.queue.living_sync(role)) == count,
            description=f"{count} of role {role} live",
            deadline=PATIENCE,
        )

    def end(self) -> None:
        """End every program in order, or by force, and see that nothing is left."""
        for number in (signal.SIGCONT, signal.SIGTERM):
            self._send_all(number)
        for program in self._programs:
            if not program.ends(within=2.0):
                self._send_all(signal.SIGTERM)  # the second one does not wait for the grace
            if not program.ends(within=10.0):
                program.kill()
            print(f"--- {program.name}: {program.process.returncode}\n{program.log}")  # noqa: T201 - pytest shows it when the test fails
        self.queue.close_sync()
        self._database.close()
        self.redis.close()
        wait_until_sync(lambda: not list(self._left()), description="no process is left")

    def _send_all(self, number: signal.Signals) -> None:
        for program in self._programs:
            if program.process.poll() is None:
                program.send(number)

    def _left(self) -> Iterator[int]:
        mark = f"{MARK}={self._mark}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    yield int(folder.name)
            except OSError:  # it has just ended, or is not ours
                continue

    # Jobs

    def enqueue(self, name: str, /, *args: Any, **kwargs: Any) -> str:
        """Enqueue a job and return its id."""
        return self.queue.ref(name).enqueue_sync(*args, **kwargs).id

    def notes(self) -> list[dict[str, Any]]:
        """What the handlers of ``apps/`` have noted, in order."""
        # The last line may be half written.
        whole = self.notes_file.read_text("utf-8").rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def rows(self, where: str = "true", *values: Any) -> list[dict[str, Any]]:
        """Executions in the order in which their jobs were handed out."""
        query = f"SELECT * FROM jobqueue.job_executions WHERE {where} ORDER BY id"  # noqa: S608 - from the tests
        return self.sql(query, *values)

    def sql(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Rows of any query."""
        return self._database.execute(query.encode(), values).fetchall()

    def do(self, statement: str) -> None:
        """Run a statement that has no answer."""
        self._database.execute(statement.encode())

    def finals(self, count: int, deadline: float = PATIENCE) -> list[dict[str, Any]]:
        """Wait for so many final rows and return all that are there."""
        return self.some(count, "final", deadline)

    def some(self, count: int, where: str, deadline: float = PATIENCE) -> list[dict[str, Any]]:
        """Wait for so many rows of a kind and return all that are there."""

        def found() -> list[dict[str, Any]] | None:
            rows = self.rows(where)
            return rows if len(rows) >= count else None

        description = f"{count} rows: {where}"
        return wait_until_sync(found, description=description, deadline=deadline) or []

    def noted(self, count: int, what: str = "began", deadline: float = PATIENCE) -> None:
        """Wait until handlers have noted so many beginnings or other words."""

        def enough() -> bool:
            return len([note for note in self.notes() if note["what"] == what]) >= count

        wait_until_sync(enough, description=f"{count} times: {what}", deadline=deadline)


@contextmanager
def running(redis_url: str, history_url: str, folder: Path) -> Iterator[System]:
    """Give a system, and end whatever was started in it."""
    system = System(redis_url, history_url, folder)
    try:
        yield system
    finally:
        system.end()
