"""How results look: plain tables for people, JSON for programs.

One rule: a cell is one line of printable characters, whatever the data holds, so a job's
name or error can neither break a table nor reach the terminal as a control sequence.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from jobqueue.domain import wording

_GAP = "  "

moment = wording.moment
duration = wording.duration
room = wording.room


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return aligned columns below their headers; numbers to the right, ``-`` for ``None``."""
    data = list(rows)
    body = [[cell(value) for value in row] for row in data]
    lines = [list(headers), *body]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    right = [_numeric(row[column] for row in data) for column in range(len(headers))]
    return "\n".join(_line(line, widths, right) for line in lines)


def fields(pairs: Iterable[tuple[str, Any]]) -> str:
    """Return a line for each name and value; those without a value are left out."""
    known = [(name, cell(value)) for name, value in pairs if value is not None]
    width = max((len(name) for name, _ in known), default=0)
    return "\n".join(f"{name.ljust(width)}{_GAP}{value}".rstrip() for name, value in known)


def block(text: str) -> str:
    """Return text of several lines, each printable and indented."""
    return "\n".join(f"{_GAP}{cell(line)}".rstrip() for line in text.splitlines())


def rate(per_second: float | None) -> str | None:
    """Return a rate to three digits; ``None`` stays."""
    return None if per_second is None else f"{per_second:.3g}/s"


def line(value: Any) -> str:
    """Return JSON on one line, for a table's cell."""
    import msgspec

    return msgspec.json.encode(value).decode()


def as_json(value: Any) -> str:
    """Return indented JSON; dates as ISO 8601, bytes as base64, structs as objects."""
    import msgspec  # only who asked for JSON waits for it

    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _numeric(values: Iterable[Any]) -> bool:
    kinds = {type(value) for value in values if value is not None}
    return bool(kinds) and kinds <= {int, float}


def cell(value: Any) -> str:
    """Return a value in printable characters on one line; ``-`` for ``None``."""
    if value is None:
        return "-"
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in str(value))


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = (
        cell.rjust(width) if to_right else cell.ljust(width)
        for cell, width, to_right in zip(cells, widths, right, strict=True)
    )
    return _GAP.join(padded).rstrip()
