"""A program in a folder of its own, and whether it leaves anything running behind.

Processes are found by a mark in their environment or by their working folder: PostgreSQL's
write their titles over their environment.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

from tests.support import wait_until_sync

ROOT = Path(__file__).parents[2]
MARK = "PROJECT_MARK"
PATIENCE = 60.0  # seconds for servers and services to start on a busy machine


class Project:
    """Runs one program at a time.

    Args:
        folder: Its working folder; everything that it starts works there or below.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.variables: dict[str, str] = {}
        self._mark = uuid4().hex
        self._process: subprocess.Popen[bytes] | None = None
        self._texts = (folder / "stdout", folder / "stderr")

    @property
    def out(self) -> str:
        """What the program has written to stdout."""
        return self._texts[0].read_text("utf-8")

    @property
    def err(self) -> str:
        """What the program has written to stderr."""
        return self._texts[1].read_text("utf-8")

    def start(self, *command: str | Path) -> None:
        """Start a program."""
        with self._texts[0].open("wb") as out, self._texts[1].open("wb") as err:
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=self._environment(), stdout=out, stderr=err
            )

    def jobqueue(self, *arguments: str) -> None:
        """Start one of our commands."""
        self.start(sys.executable, "-P", "-m", "jobqueue", *arguments)

    def expect(self, text: str, times: int = 1) -> None:
        """Wait until the program has written a text so many times."""

        def written() -> bool:
            found = (self.out + self.err).count(text)
            assert found >= times or self.running, f"ended without {text!r}:\n{self}"
            return found >= times

        wait_until_sync(written, description=f"{text!r} from\n{self}", deadline=PATIENCE)

    @property
    def running(self) -> bool:
        """Whether the program is alive."""
        return self._process is not None and self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send the program, and nobody else, a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Wait for the program's end and return its exit code."""
        assert self._process is not None
        return self._process.wait(timeout)

    def left(self) -> Sequence[str]:
        """Command lines of everything that is alive."""
        return list(self._left())

    def gone(self) -> None:
        """Wait until nothing is left."""
        wait_until_sync(lambda: not self.left(), description=f"{self.left()} end", deadline=20)

    def end(self) -> None:
        """End the program by force, and wait for what it may have started."""
        if self.running:
            self.send(signal.SIGKILL)
            self.wait()
        self.gone()

    def find(self, program: str) -> int:
        """Return the pid of a process by the name of its program."""
        pids = [pid for pid, _ in self._processes()]
        [found] = [pid for pid in pids if Path(f"/proc/{pid}/comm").read_text() == f"{program}\n"]
        return found

    def _left(self) -> Iterator[str]:
        for pid, words in self._processes():
            yield f"{pid} {' '.join(words)[:120]}"

    def _processes(self) -> Iterator[tuple[int, list[str]]]:
        mark = f"{MARK}={self._mark}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                marked = mark in (folder / "environ").read_bytes().split(b"\0")
                if marked or (folder / "cwd").readlink().is_relative_to(self.folder):
                    words = (folder / "cmdline").read_text().split("\0")
                    if words != [""]:  # it has ended, and its parent has not looked yet
                        yield int(folder.name), words
            except OSError:  # it has just ended, or is not ours
                continue

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("JOBQUEUE_") and name not in {"REDIS_URL", "DATABASE_URL"}
        }
        return kept | {"PYTHONUNBUFFERED": "1", MARK: self._mark} | self.variables

    def __str__(self) -> str:
        return f"{self.out}\n{self.err}"
