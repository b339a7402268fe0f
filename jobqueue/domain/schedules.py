"""Schedules: rules that say when the next occurrence is due.

One rule: the next occurrence follows from the rule and the moment asked about, from
nothing else. No schedule remembers what it fired, so a scheduler that takes over
in the middle of a clock change computes what its predecessor would have.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from jobqueue.domain import checks, walls
from jobqueue.domain.cron import Expression
from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.instants import EPOCH, MILLISECOND
from jobqueue.domain.suggest import did_you_mean, shown

_SECOND = timedelta(seconds=1)
_INSTANT = timedelta(microseconds=1)
_SHORTEST = MILLISECOND


class Schedule(ABC):
    """What the scheduler asks of every rule."""

    @abstractmethod
    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first occurrence after a moment.

        Args:
            moment: An aware time; an occurrence at this very time is not returned.

        Returns:
            The occurrence in UTC, or ``None`` when none comes.

        Raises:
            ValueError: ``moment`` is naive.
        """

    def upcoming(self, moment: datetime, n: int) -> list[datetime]:
        """Return the next ``n`` occurrences after a moment; fewer if the rule ends."""
        found: list[datetime] = []
        following = self.next_after(moment)
        while following is not None and len(found) < n:
            found.append(following)
            following = self.next_after(following)
        return found


class Dst(StrEnum):
    """What a cron rule does where clocks are changed; see :class:`Cron`."""

    ONCE = "once"
    EVERY = "every"
    SKIP = "skip"


DstName = Literal["once", "every", "skip"]


@dataclass(frozen=True)
class Cron(Schedule):
    """Occurrences by the calendar and the wall clock of a time zone.

    Where clocks are changed, a wall time may come twice or never. ``dst`` says what
    happens then:

    - ``once`` does what Debian's cron does. A fixed-time expression (neither minute nor
      hour begins with ``*``) fires once for each wall time: at the first of
      two, and right after the gap for one that never comes; several in one gap
      make one occurrence. Any other expression fires as with ``every``, so that
      ``*/10 * * * *`` stays ten minutes apart.
    - ``every`` fires at each instant whose own wall clock matches: both times
      when a wall time comes twice, not at all when it never comes.
    - ``skip`` fires only at wall times that come exactly once.

    Args:
        expression: ``minute hour day month weekday``, or a word such as ``@daily``.
            A day matches if day or weekday match; if one of them begins with ``*``,
            both must.
        timezone: IANA name of the zone, such as ``Europe/Berlin``.
        dst: ``once``, ``every`` or ``skip``.
        seconds: Whether the expression has a sixth field, the seconds, in front.

    Raises:
        ConfigurationError: The expression, the zone or ``dst`` is wrong.
    """

    expression: str
    timezone: str = field(default="UTC", kw_only=True)
    dst: DstName | Dst = field(default=Dst.ONCE, kw_only=True)
    seconds: bool = field(default=False, kw_only=True)
    _rule: Expression = field(init=False, repr=False, compare=False)
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dst", checks.choice("cron dst", Dst, self.dst))
        object.__setattr__(self, "_zone", _zone(self.timezone))
        object.__setattr__(self, "_rule", Expression(self.expression, seconds=self.seconds))

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first occurrence after a moment, in UTC."""
        now = _instant(moment)
        wall = now.astimezone(self._zone)
        found = self._first(now, wall.replace(tzinfo=None))
        if self._reading is not walls.every_reading or wall.fold:
            return found
        return self._or_again(found, wall.replace(tzinfo=None))

    @property
    def zone(self) -> ZoneInfo:
        """The zone whose wall clock counts."""
        return self._zone

    @property
    def moves(self) -> bool:
        """Whether a wall time that never comes is made up for right after the gap."""
        return self._reading is walls.one_reading

    def wall_after(self, wall: datetime) -> datetime | None:
        """Return the first wall time after ``wall`` that the expression names; both naive."""
        return self._rule.after(wall)

    @property
    def _reading(self) -> Callable[[datetime, ZoneInfo], list[datetime]]:
        """How a wall time becomes instants."""
        if self.dst == Dst.SKIP:
            return walls.sure_reading
        if self.dst == Dst.ONCE and self._rule.fixed_time:
            return walls.one_reading
        return walls.every_reading

    def _first(self, now: datetime, wall: datetime) -> datetime | None:
        """Return the first instant after ``now`` of the wall times after ``wall``."""
        while (match := self._rule.after(wall)) is not None:
            for instant in self._reading(match, self._zone):
                if instant > now:
                    return instant
            wall = match
        return None

    def _or_again(self, found: datetime | None, wall: datetime) -> datetime | None:
        """Return an occurrence before ``found`` at a wall time that comes again.

        While a wall time comes for the first of two times, ones that have passed are
        still to come: at 01:59, 01:30 may be next.
        """
        if len(walls.every_reading(wall, self._zone)) == 1:
            return found
        back = walls.jump(wall, self._zone)
        again = back.astimezone(self._zone).replace(tzinfo=None)
        repeated = self._first(back - _SECOND, again - _SECOND)
        return min((each for each in (found, repeated) if each is not None), default=None)


@dataclass(frozen=True, init=False)
class Every(Schedule):
    """Occurrences at a fixed distance, on a grid that never drifts.

    Args:
        interval: Seconds or a ``timedelta``, at least a millisecond.
        anchor: An aware time that lies on the grid, which reaches from there into
            past and future. Unset: the Unix epoch, so that every process with the same
            interval has the same grid.

    Raises:
        ConfigurationError: The interval is too short or no duration, or the anchor is naive.
    """

    interval: timedelta
    anchor: datetime

    def __init__(self, interval: float | timedelta, *, anchor: datetime | None = None) -> None:
        length = timedelta(seconds=checks.seconds("every", interval))
        if length < _SHORTEST:
            raise ConfigurationError(f"every: {shown(interval)} is too short; write at least 0.001")
        if anchor is not None and anchor.utcoffset() is None:
            raise ConfigurationError(f"every: the anchor {anchor} has no time zone; add tzinfo")
        object.__setattr__(self, "interval", length)
        object.__setattr__(self, "anchor", EPOCH if anchor is None else _instant(anchor))

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first occurrence after a moment, in UTC."""
        steps = (_instant(moment) - self.anchor) // self.interval + 1
        try:
            return self.anchor + steps * self.interval
        except OverflowError:  # the calendar ends in 9999
            return None


@dataclass(frozen=True)
class Once(Schedule):
    """A single occurrence.

    Args:
        at: When; an aware time.
    """

    at: datetime

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the occurrence if it comes after a moment."""
        at = _instant(self.at)
        return at if at > _instant(moment) else None


@dataclass(frozen=True)
class Bounded(Schedule):
    """The occurrences of another rule from one moment on, and up to another.

    Args:
        rule: The other rule.
        start: There is none before; aware.
        end: There is none from then on; aware.
    """

    rule: Schedule
    start: datetime | None = None
    end: datetime | None = None

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first occurrence after a moment, in UTC."""
        begin = _instant(moment)
        if self.start is not None:
            begin = max(begin, _instant(self.start) - _INSTANT)
        found = self.rule.next_after(begin)
        if found is None or (self.end is not None and found >= self.end):
            return None
        return found


def _instant(moment: datetime) -> datetime:
    # In UTC, because Python compares two times of one zone by their wall clocks.
    if moment.utcoffset() is None:
        raise ValueError(f"{moment} has no time zone; use an aware datetime")
    return moment.astimezone(UTC)


def _zone(name: Any) -> ZoneInfo:
    if not isinstance(name, str):
        raise ConfigurationError(f"cron timezone: write a name like 'Europe/Berlin', not {name!r}")
    try:
        return ZoneInfo(name)
    except (ValueError, LookupError, OSError):  # not a key, no such file, a folder such as "Europe"
        zones = sorted(available_timezones())
        hint = did_you_mean(name, zones, otherwise="write a name like 'Europe/Berlin'")
        raise ConfigurationError(f"cron timezone: {name!r} is unknown; {hint}") from None
