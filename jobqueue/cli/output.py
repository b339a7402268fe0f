"""How results look: plain tables for people, JSON for programs.

One rule: a cell is one line of printable characters, whatever the data holds, so a job's
name or error can neither break a table nor reach the terminal as a control sequence.
"""

from collections.abc import Iterable, Sequence
from typing import Any

_GAP = "  "


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return aligned columns below their headers; numbers to the right, ``-`` for ``None``."""
    data = list(rows)
    body = [[_cell(value) for value in row] for row in data]
    lines = [list(headers), *body]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    right = [_numeric(row[column] for row in data) for column in range(len(headers))]
    return "\n".join(_line(line, widths, right) for line in lines)


def as_json(value: Any) -> str:
    """Return indented JSON; dates as ISO 8601, bytes as base64, structs as objects."""
    import msgspec  # only who asked for JSON waits for it

    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _numeric(values: Iterable[Any]) -> bool:
    kinds = {type(value) for value in values if value is not None}
    return bool(kinds) and kinds <= {int, float}


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in str(value))


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = (
        cell.rjust(width) if to_right else cell.ljust(width)
        for cell, width, to_right in zip(cells, widths, right, strict=True)
    )
    return _GAP.join(padded).rstrip()
