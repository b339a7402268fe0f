"""Wall clocks: at which instants a zone's clocks show a given date and time.

A wall time is a naive ``datetime``, an instant is in UTC. Clocks show a wall time once,
twice (they were set back over it) or never (they were set forward over it).
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def every_reading(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the instants at which the clocks show ``wall``: none, one or two in order."""
    before, after = _two_readings(wall, zone)
    if before > after:
        return []
    return [before] if before == after else [before, after]


def one_reading(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the first instant at which the clocks show ``wall`` or a later time.

    That is the first of two readings, and the end of the gap for a wall time
    that the clocks never show.
    """
    return every_reading(wall, zone)[:1] or [jump(wall, zone)]


def sure_reading(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the instant of a wall time that the clocks show exactly once, else nothing."""
    readings = every_reading(wall, zone)
    return readings if len(readings) == 1 else []


def jump(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant at which the clocks were set forward or back over ``wall``.

    It is the first instant of the new offset, to the second; ``wall`` must be
    a time that the clocks show twice or never.
    """
    early, late = sorted(int(each.timestamp()) for each in _two_readings(wall, zone))
    old = _offset(early, zone)
    while late - early > 1:
        middle = (early + late) // 2
        early, late = (middle, late) if _offset(middle, zone) == old else (early, middle)
    return datetime.fromtimestamp(late, UTC)


def _two_readings(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    # PEP 495: fold 0 reads the clock by the offset before a change, fold 1 by the one after.
    before = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return before, after


def _offset(timestamp: int, zone: ZoneInfo) -> object:
    return datetime.fromtimestamp(timestamp, zone).utcoffset()
