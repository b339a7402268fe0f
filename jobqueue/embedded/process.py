"""A server process behind its guard: start it, know its pid, end it in order or at once."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, cast

GUARD = Path(__file__).with_name("guard.py")

PATIENCE = 10.0
"""Seconds that a server gets to end in order before it is killed."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What the guard needs to know.

    Args:
        command: The server's program and arguments.
        folder: Its working folder.
        lock: Descriptor of the lock that lives as long as the server.
        user: Uid and gid to run as; ``None`` means as we are.
        stop_signal: The signal that ends this server in order.
        temporary: Folders to remove when we died without a word.
    """

    command: Sequence[str]
    folder: str
    lock: int
    user: int | None
    stop_signal: int
    temporary: Sequence[str]
    patience: float = PATIENCE


class GuardedProcess:
    """One run of a server; a new run is a new object.

    ``pid`` is the server's own, ``None`` when it could not even be started.
    """

    def __init__(self, plan: Plan, environment: Mapping[str, str], log: Path) -> None:
        command = [sys.executable, "-I", "-S", str(GUARD), json.dumps(dataclasses.asdict(plan))]
        log.touch(0o600)
        with log.open("wb") as errors:
            self._guard = subprocess.Popen(  # noqa: S603 - our own command
                command,
                env=environment,  # not a part of the plan: any user can read a command line
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                pass_fds=(plan.lock,),
                start_new_session=True,  # Ctrl-C is for us: the server's users end first
            )
        self._words = cast("IO[bytes]", self._guard.stdin)
        with cast("IO[bytes]", self._guard.stdout) as answer:
            self.pid = int(answer.readline() or 0) or None

    @property
    def running(self) -> bool:
        """Whether the server is alive."""
        return self._guard.poll() is None

    def stop(self) -> None:
        """End the server in order; return when it is gone. A server that is gone is fine."""
        if not self._words.closed:
            try:
                with self._words:
                    self._words.write(b"stop\n")
            except BrokenPipeError:
                pass  # the server ended by itself, and its guard with it
        self._guard.wait()

    def kill(self) -> None:
        """End the server by ``SIGKILL``; return when it is gone."""
        if self.pid is not None and self.running:
            os.kill(self.pid, signal.SIGKILL)
        self.stop()
