"""A host whose clock is wrong: shifts time in the processes of one service.

A ``sitecustomize`` that Python imports at its start puts its own functions in place of the
clocks. The offset is in a file that every process of the service has mapped, so it can be
stepped while they run. The monotonic clock stays true, as it does when a real clock is stepped.
"""

import struct
from pathlib import Path

OFFSET = "FAULTS_CLOCK"

SITECUSTOMIZE = f'''"""Shifts the clocks of this process by the seconds in a file."""

import datetime
import mmap
import os
import struct
import time

path = os.environ.get("{OFFSET}")
if path and os.path.exists(path):
    with open(path, "rb") as file:
        shared = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
    true_time, true_ns, true_datetime = time.time, time.time_ns, datetime.datetime

    def offset():
        return struct.unpack("d", shared[:8])[0]

    class Moment(type):
        def __instancecheck__(cls, value):
            return isinstance(value, true_datetime)

    class Shifted(true_datetime, metaclass=Moment):
        __slots__ = ()

        @classmethod
        def now(cls, tz=None):
            return true_datetime.fromtimestamp(true_time() + offset(), tz)

    time.time = lambda: true_time() + offset()
    time.time_ns = lambda: true_ns() + int(offset() * 1e9)
    datetime.datetime = Shifted
'''


def prepare(folder: Path) -> Path:
    """Return the folder to put on ``PYTHONPATH``."""
    place = folder / "clock"
    place.mkdir(exist_ok=True)
    (place / "sitecustomize.py").write_text(SITECUSTOMIZE, "utf-8")
    return place


def clock_of(folder: Path, service: str) -> Path:
    """Return the file with the offset of a service's host; made right where it is missing."""
    path = folder / f"{service}.clock"
    if not path.exists():
        step(path, 0.0)
    return path


def step(path: Path, seconds: float) -> None:
    """Let the clock of a host be wrong by so many seconds; 0 mends it."""
    # In place: a new file would not be the one that is mapped.
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(struct.pack("d", seconds))
