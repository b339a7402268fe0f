"""Runs scheduler and worker as child processes, and starts both again when a file changes.

One rule: code that can't be imported never takes the place of code that runs. It is
first imported in a process of its own; if that fails, the old processes go on.

Each child lives behind a guard (``jobqueue.embedded``): however we die, it ends.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue

import typer

from jobqueue.app import JobQueue
from jobqueue.cli import apps
from jobqueue.cli.context import Cli
from jobqueue.cli.errors import report
from jobqueue.domain.errors import ConfigurationError, JobQueueError
from jobqueue.embedded.process import GuardedProcess, Plan
from jobqueue.embedded.server import Server

Changes = SimpleQueue[set[Path]]

ROLES = ("scheduler", "worker")
LOOK = 0.5  # seconds between two looks at whether everything still runs
STEADY = 5.0  # seconds; what lived longer and died is started again without a change
CLEANUP = 3.0  # seconds beyond the grace to write down outcomes and leave
FOREIGN = {"__pycache__", "node_modules", "site-packages"}  # and every folder with a dot in front

_CHECK = "import sys; from jobqueue.cli.reload import check; sys.exit(check(sys.argv[1]))"


def say(message: str) -> None:
    """Tell the person at the terminal, between the logs of the children."""
    typer.echo(f"jobqueue dev: {message}", err=True)


def check(path: str) -> int:
    """Import an app; print why it can't be, and return the exit code that means."""
    try:
        apps.load(path, JobQueue)
    except JobQueueError as error:
        return report(error, debug=Cli().debug)
    return 0


@contextmanager
def watching(root: Path) -> Iterator[Changes]:
    """Give the Python files under ``root`` that change, as they change.

    Raises:
        ConfigurationError: The ``embedded`` extra is missing.
    """
    try:
        from watchfiles import watch
    except ImportError:
        raise ConfigurationError("watchfiles is missing: install jobqueue[embedded]") from None
    changes: Changes = SimpleQueue()
    stop = threading.Event()

    def wanted(_change: object, name: str) -> bool:
        return is_source(Path(name).relative_to(root))

    def run() -> None:
        found = watch(root, watch_filter=wanted, stop_event=stop, ignore_permission_denied=True)
        try:
            for changed in found:
                changes.put({Path(name) for _, name in changed})
        except (OSError, RuntimeError) as error:  # the system's limit of watches, for example
            say(f"changes are not noticed, start again to see them: {error}")

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield changes
    finally:
        stop.set()
        thread.join()


def is_source(path: Path) -> bool:
    """Tell whether a path within the project is a Python file of its own."""
    hidden = any(part in FOREIGN or part.startswith(".") for part in path.parts)
    return path.suffix == ".py" and not hidden


class Child:
    """One of our commands in a process of its own.

    Args:
        arguments: What comes after ``jobqueue``; the first is its name.
        environment: Its variables.
        grace: Seconds until it is asked a second time, which means: at once.
    """

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], grace: float
    ) -> None:
        self.role = arguments[0]
        self._environment = environment
        command = [sys.executable, "-P", "-m", "jobqueue", *arguments]
        self._plan = Plan(command, str(Path.cwd()), patience=(grace, CLEANUP))
        self._process: GuardedProcess | None = None
        self._since = 0.0
        self._reported = False

    def start(self) -> None:
        """Start it; the one before must have ended."""
        self._process = GuardedProcess(self._plan, self._environment)
        self._since = time.monotonic()
        self._reported = False

    def look(self) -> None:
        """Say so when it has ended by itself, and start it again if it ran well until then."""
        if self._process is None or self._process.running or self._reported:
            return
        ended = f"{self.role} ended with exit code {self._process.code}"
        if time.monotonic() - self._since > STEADY:
            say(f"{ended}; starting it again")
            self.start()
        else:
            say(f"{ended}; it starts again when a file changes")
            self._reported = True

    def ask_to_stop(self) -> None:
        """Let it hand back its work and end; don't wait for that."""
        if self._process is not None:
            self._process.ask_to_stop()

    def stop(self) -> None:
        """Let it end in order; return when it has."""
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()


class Services:
    """Scheduler and worker of one app.

    Args:
        app: ``MODULE:APP``.
        options: Further arguments of both commands.
        environment: Their variables.
        grace: Seconds that the worker's jobs have to end.
    """

    def __init__(
        self, app: str, options: Sequence[str], environment: Mapping[str, str], grace: float
    ) -> None:
        self._app = app
        self._environment = environment
        self._children = [Child((role, app, *options), environment, grace) for role in ROLES]

    def check(self) -> int:
        """Import the app in a process of its own; return the exit code of that."""
        command = [sys.executable, "-P", "-c", _CHECK, self._app]
        plan = Plan(command, str(Path.cwd()), patience=(CLEANUP,))
        process = GuardedProcess(plan, self._environment)
        try:
            return process.wait()
        finally:
            process.stop()

    def run(self, changes: Changes, servers: Sequence[Server]) -> None:
        """Run both, reload them on changes and revive what died, until ``KeyboardInterrupt``.

        Raises:
            BrokerUnavailable: Valkey died and does not start again.
            HistoryUnavailable: The same for PostgreSQL.
        """
        try:
            self._start()
            while True:
                try:
                    self._reload(changes.get(timeout=LOOK))
                except Empty:
                    self._look(servers)
        except KeyboardInterrupt:
            say("stopping")
            raise
        finally:
            self._stop()

    def _start(self) -> None:
        for child in self._children:
            child.start()

    def _stop(self) -> None:
        """End both in order, side by side; one more signal ends them at once."""
        try:
            for child in self._children:
                child.ask_to_stop()
            for child in self._children:
                child.stop()
        except KeyboardInterrupt:
            for child in self._children:
                child.kill()
            raise

    def _look(self, servers: Sequence[Server]) -> None:
        for server in servers:
            if not server.running:
                say(f"{server.kind} ended; starting it again")
                server.start()
        for child in self._children:
            child.look()

    def _reload(self, paths: set[Path]) -> None:
        names = sorted(map(os.path.relpath, paths))
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        say(f"{names[0]}{more} changed")
        if self.check():
            say("the code from before goes on running")
            return
        self._stop()
        self._start()
