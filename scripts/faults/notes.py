"""Notes of what happened, one JSON array on a line, from any number of processes.

Lines are short and the file is open for appending, so lines of several writers never mix.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec


class Pen:
    """Writes notes.

    Args:
        path: The file; made where it is missing.
        durable: Whether a note is on disk when ``write`` returns.
    """

    def __init__(self, path: Path, *, durable: bool = False) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._durable = durable

    def write(self, what: str, *values: Any) -> None:
        """Write what happened now, by the monotonic clock of this machine in seconds."""
        os.write(self._file, msgspec.json.encode([what, time.monotonic(), *values]) + b"\n")
        if self._durable:
            os.fsync(self._file)


def read(path: Path) -> Iterator[list[Any]]:
    """Return the notes in order; a line that a killed writer left half written is skipped."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            try:
                yield msgspec.json.decode(line)
            except msgspec.DecodeError:
                continue
