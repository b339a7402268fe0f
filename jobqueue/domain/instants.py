"""Times as Redis keeps them: whole milliseconds or microseconds since the epoch."""

from datetime import UTC, datetime, timedelta
from typing import overload

EPOCH = datetime.fromtimestamp(0, UTC)
MILLISECOND = timedelta(milliseconds=1)


def milliseconds(moment: datetime) -> int:
    """Return whole ms since the epoch: never later than the moment, or Redis calls it early."""
    return (moment - EPOCH) // MILLISECOND


@overload
def from_ms(ms: float) -> datetime: ...
@overload
def from_ms(ms: float | None) -> datetime | None: ...
def from_ms(ms: float | None) -> datetime | None:
    """Return a time, given in ms since the epoch, in UTC; ``None`` stays."""
    return None if ms is None else EPOCH + timedelta(milliseconds=ms)


def from_us(us: int) -> datetime:
    """Return a time, given in µs since the epoch, in UTC."""
    return EPOCH + timedelta(microseconds=us)
