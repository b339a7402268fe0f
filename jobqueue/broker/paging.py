"""Reads what may be long page by page: no answer keeps Redis from its work for long.

A stream is read in the order of its entries. The other walks meet everything that is there all
the time, in no order; what comes or goes meanwhile may be met or missed, and some may come twice.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from jobqueue.broker.lanes import Lane

SCANNED = 1000  # keys that one step looks at, of all that the server has

Entry = tuple[str, bytes]  # its id, and what its only field holds


async def stream(
    lane: Lane, key: str, size: int, first: str = "-", last: str = "+", *, back: bool = False
) -> AsyncIterator[list[Entry]]:
    """Yield the entries of a stream; the last page may be empty.

    Args:
        lane: Any free lane.
        key: The stream.
        size: Entries in one answer.
        first: Where to begin; ``(`` before it leaves it out.
        last: Where to end, likewise.
        back: Whether the stream is read from its end; ``first`` is the later one then.
    """
    command = "XREVRANGE" if back else "XRANGE"
    while True:
        rows = await lane.command(command, key, first, last, "COUNT", size)
        yield [(entry.decode(), fields[1]) for entry, fields in rows]
        if len(rows) < size:
            return
        first = f"({rows[-1][0].decode()}"


async def members(lane: Lane, command: str, key: str, size: int) -> AsyncIterator[list[str]]:
    """Yield members of a sorted set (``ZSCAN``), or fields of a hash (``HSCAN``).

    Args:
        lane: Any free lane.
        command: Which of the two.
        key: The set, or the hash.
        size: How many in one answer, about.
    """
    async for pairs in _scan(lane, (command, key), "COUNT", size):
        yield [each.decode() for each in pairs[::2]]


async def names(lane: Lane, pattern: str) -> AsyncIterator[list[str]]:
    """Yield the names of keys of all servers; each step looks at some, whatever they are.

    Args:
        lane: Any free lane.
        pattern: What they look like; see :func:`beginning`.
    """
    for master in await lane.masters():
        async for found in _scan(master, ("SCAN",), "MATCH", pattern, "COUNT", SCANNED):
            yield [each.decode() for each in found]


def beginning(start: str) -> str:
    """Return the pattern of the names that begin with ``start``."""
    return "".join(f"\\{char}" if char in "*?[]\\" else char for char in start) + "*"


async def _scan(
    lane: Lane, command: Sequence[str], *options: str | int
) -> AsyncIterator[Sequence[Any]]:
    cursor = 0
    while True:
        following, found = await lane.command(*command, cursor, *options)
        yield found
        if not (cursor := int(following)):
            return
