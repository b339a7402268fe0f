"""How times and durations look in sentences and tables for people."""

from datetime import UTC, datetime


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


def room(count: int) -> str:
    """Return bytes in the unit in which they are easy to read, with a digit behind the point."""
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"


def counted(n: int, noun: str) -> str:
    """Return ``1 job`` or ``2 jobs``."""
    return f"{n:,} {noun}{'s' * (n != 1)}"
