"""One process of the suite, and how it may end."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jobqueue.embedded.process import GuardedProcess


@dataclass(frozen=True)
class Exit:
    """A process that ended though nobody wanted it to."""

    service: str
    code: int
    log: Path


@dataclass
class Service:
    """A process that is kept running.

    Args:
        name: What it is called in logs.
        command: What comes after the interpreter.
        environment: Its variables.
        endless: Whether it has to be started again after an end in order.
    """

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    endless: bool = True
    process: GuardedProcess | None = None
    logs: list[Path] = field(default_factory=list)
    began: float = 0.0
    due: float | None = 0.0  # when it is to be started; None while it runs or shall not
    doomed: bool = False  # its end is our doing
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def pid(self) -> int | None:
        """The process that runs now."""
        process = self.process
        return process.pid if process is not None and process.running else None

    @property
    def finished(self) -> bool:
        """Whether it has ended in order."""
        return self.process is not None and self.process.code == 0
