"""Counts the runs of a peer's handler in shared memory, whatever processes and threads run it.

A file for each process and thread, of 64-bit numbers: runs, start of the first and of the last
run (monotonic ns), number of waits, and for each wait when its job was sent, and the wait
(ns). A thread writes its own file only.
"""

import mmap
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

WAITS = 50_000  # that one thread may note
HEAD = 4
SIZE = 8 * (HEAD + 2 * WAITS)

_own = threading.local()


def note(value: int | str) -> None:
    """Count a run; an ``int`` above 0 is when its job was sent."""
    now = time.monotonic_ns()
    try:
        cells = _own.cells
    except AttributeError:
        cells = _own.cells = _open()
    if not cells[0]:
        cells[1] = now
    cells[2] = now
    if type(value) is int and value and cells[3] < WAITS:
        place = HEAD + 2 * cells[3]
        cells[place], cells[place + 1] = value, now - value
        cells[3] += 1
    cells[0] += 1


def _open() -> memoryview:
    path = Path(os.environ["PEER_TALLY"]) / f"{os.getpid()}-{threading.get_ident()}"
    with path.open("wb+") as file:
        file.truncate(SIZE)
        return memoryview(mmap.mmap(file.fileno(), SIZE)).cast("q")


def _forget() -> None:
    global _own  # noqa: PLW0603 - a forked process must not count in its parent's file
    _own = threading.local()


os.register_at_fork(after_in_child=_forget)


@dataclass
class Tally:
    """What all handlers have done so far; times are monotonic ns.

    ``waits`` has (sent, wait) of each job that said when it was sent.
    """

    ran: int = 0
    first: int = 0
    last: int = 0
    waits: list[tuple[int, int]] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Runs a second between the first and the last one."""
        seconds = (self.last - self.first) / 1e9
        return (self.ran - 1) / seconds if seconds > 0 else 0.0


def read(folder: Path, *, waits: bool = False) -> Tally:
    """Return what was counted in a folder."""
    total = Tally()
    for path in folder.iterdir():
        with path.open("rb") as file:
            cells = memoryview(file.read(SIZE if waits else 8 * HEAD)).cast("q")
        if len(cells) < HEAD or not cells[0]:
            continue
        ran, first, last, noted = cells[:HEAD]
        total.first = min(total.first or first, first)
        total.last = max(total.last, last)
        total.ran += ran
        if waits:
            pairs = cells[HEAD : HEAD + 2 * noted].tolist()
            total.waits += zip(pairs[::2], pairs[1::2], strict=True)
    return total


def clear(folder: Path) -> None:
    """Forget what was counted; nobody may be counting."""
    for path in folder.iterdir():
        path.unlink()
