"""A process behind its guard: start it, know its pid, end it in order or at once.

For our servers, and for whatever else must not outlive the program that started it.
"""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, cast

GUARD = Path(__file__).with_name("guard.py")

PATIENCE = 10.0


@dataclasses.dataclass(frozen=True)
class Plan:
    """What the guard needs to know.

    Args:
        command: The program and its arguments.
        folder: Its working folder.
        lock: Descriptor of a lock that lives as long as the process.
        user: Uid and gid to run as; ``None`` means as we are.
        stop_signal: The signal that ends the process in order.
        temporary: Folders to remove when we died without a word.
        patience: Seconds that it gets after each signal: at their end the next one is
            sent, and after the last it is killed.
    """

    command: Sequence[str]
    folder: str
    lock: int | None = None
    user: int | None = None
    stop_signal: int = signal.SIGTERM
    temporary: Sequence[str] = ()
    patience: Sequence[float] = (PATIENCE,)


class GuardedProcess:
    """One run of a process; a new run is a new object.

    ``pid`` is the process's own, ``None`` when it could not even be started.

    Args:
        plan: What to run.
        environment: Its variables.
        log: Where its output goes, made anew; ``None`` means our stderr.
    """

    def __init__(self, plan: Plan, environment: Mapping[str, str], log: Path | None = None) -> None:
        command = [sys.executable, "-I", "-S", str(GUARD), json.dumps(dataclasses.asdict(plan))]
        with _opened(log) as errors:
            self._guard = subprocess.Popen(  # noqa: S603 - our own command
                command,
                env=environment,  # not a part of the plan: any user can read a command line
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                pass_fds=() if plan.lock is None else (plan.lock,),
                start_new_session=True,  # Ctrl-C is for us: the server's users end first
            )
        self._words = cast("IO[bytes]", self._guard.stdin)
        with cast("IO[bytes]", self._guard.stdout) as answer:
            self.pid = int(answer.readline() or 0) or None

    @property
    def code(self) -> int | None:
        """The exit code, 128 + N for signal N; ``None`` while the process is alive."""
        return self._guard.poll()

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self.code is None

    def wait(self) -> int:
        """Wait until the process has ended by itself; return its exit code."""
        return self._guard.wait()

    def ask_to_stop(self) -> None:
        """Let the process end in order, and kill it when it is too slow; don't wait for that."""
        if not self._words.closed:
            try:
                with self._words:
                    self._words.write(b"stop\n")
            except BrokenPipeError:
                pass  # the process ended by itself, and its guard with it

    def stop(self) -> None:
        """End the process in order; return when it is gone. One that is gone is fine."""
        self.ask_to_stop()
        self._guard.wait()

    def kill(self) -> None:
        """End the process by ``SIGKILL``; return when it is gone."""
        if self.pid is not None and self.running:
            os.kill(self.pid, signal.SIGKILL)
        self.stop()


def _opened(log: Path | None) -> AbstractContextManager[IO[bytes] | None]:
    if log is None:
        return nullcontext()
    log.touch(0o600)
    return log.open("wb")
