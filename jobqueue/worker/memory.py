"""How much memory processes use; for people, so what the system does not tell is left out."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def used(children: Iterable[int]) -> int:
    """Return the bytes that this process and its children have in memory now; 0 when unknown."""
    return (_now("self") or peak()) + sum(_now(str(pid)) or 0 for pid in children)


def peak(usage: Any = None) -> int:
    """Return the most that a process has had in memory, in bytes; 0 when unknown.

    Args:
        usage: What the system said at its end; None asks for this process.
    """
    if sys.platform == "win32":
        return 0
    import resource

    usage = usage or resource.getrusage(resource.RUSAGE_SELF)
    most: int = usage.ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def shown(size: int) -> str:
    """Return a size for people."""
    return f"{size / (1 << 20):.0f} MiB"


def _now(process: str) -> int | None:
    """Return nothing where there is no ``/proc``, or the process has gone."""
    try:
        pages = Path(f"/proc/{process}/statm").read_text("ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return None
