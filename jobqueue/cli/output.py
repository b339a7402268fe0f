"""How results look: plain tables for people, JSON for programs.

One rule: a cell is one line of printable characters, whatever the data holds, so a job's
name or error can neither break a table nor reach the terminal as a control sequence.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
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


def fields(pairs: Iterable[tuple[str, Any]]) -> str:
    """Return a line for each name and value; those without a value are left out."""
    known = [(name, _cell(value)) for name, value in pairs if value is not None]
    width = max((len(name) for name, _ in known), default=0)
    return "\n".join(f"{name.ljust(width)}{_GAP}{value}".rstrip() for name, value in known)


def block(text: str) -> str:
    """Return text of several lines, each printable and indented."""
    return "\n".join(f"{_GAP}{_cell(line)}".rstrip() for line in text.splitlines())


def moment(value: datetime | None) -> str | None:
    """Return a time in UTC to the millisecond; ``None`` stays."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(" ", "milliseconds").replace("+00:00", "Z")


def duration(seconds: float | None) -> str | None:
    """Return a duration to three digits or whole seconds; ``None`` stays."""
    if seconds is None:
        return None
    if seconds < 1:
        return f"{seconds * 1000:.3g}ms"
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.3g}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "m"), (rest, "s"))
    shown = [f"{number}{unit}" for number, unit in parts if number]
    return "".join(shown[:2])


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
