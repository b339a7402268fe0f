"""Says what the next occurrences of a schedule are, and why they are not where one might look."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from jobqueue.domain import walls
from jobqueue.domain.occurrences import Policy
from jobqueue.domain.plans import Upcoming
from jobqueue.domain.schedules import Bounded, Cron, Dst, Schedule

_SECOND = timedelta(seconds=1)
_MOST = 5000  # wall times looked at between two occurrences


def explain(
    name: str, rule: Schedule, policy: Policy, moment: datetime, n: int
) -> Iterator[Upcoming]:
    """Yield the next ``n`` occurrences after a moment, and between them what clocks take away.

    Args:
        name: The schedule; its jitter depends on it.
        rule: When it is due.
        policy: What holds for its occurrences.
        moment: An aware time.
        n: How many occurrences.
    """
    inner = rule.rule if isinstance(rule, Bounded) else rule
    before = moment
    for each in rule.upcoming(moment, n):
        due = policy.due(name, each)
        if not isinstance(inner, Cron):
            yield Upcoming(occurrence=each, due=due, local=f"{each:%Y-%m-%d %H:%M:%S} UTC")
            continue
        begin = before
        if isinstance(rule, Bounded) and rule.start is not None:
            begin = max(before, rule.start)
        lost = _lost(inner, begin, each)
        if lost and not inner.moves:
            why = _why(lost, inner.zone)
            yield Upcoming(occurrence=None, due=None, local=_span(lost), note=why)
        note = _moved(lost, inner.zone) if lost and inner.moves else _twice(inner, each)
        yield Upcoming(occurrence=each, due=due, local=_local(each, inner.zone), note=note)
        before = each


def _lost(rule: Cron, after: datetime, until: datetime) -> list[datetime]:
    """Return the wall times of a stretch that are named and have no moment of their own."""
    reading = walls.sure_reading if rule.dst == Dst.SKIP else walls.every_reading
    found: list[datetime] = []
    last = until.astimezone(rule.zone).replace(tzinfo=None)
    wall = rule.wall_after(after.astimezone(rule.zone).replace(tzinfo=None))
    for _ in range(_MOST):
        if wall is None or wall > last:
            break
        if not reading(wall, rule.zone):
            found.append(wall)
        wall = rule.wall_after(wall)
    return found


def _span(lost: list[datetime]) -> str:
    first, last = lost[0], lost[-1]
    if first == last:
        return f"{first:%Y-%m-%d %H:%M:%S}"
    until = f"{last:%H:%M:%S}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M:%S}"
    return f"{first:%Y-%m-%d %H:%M:%S} to {until}"


def _why(lost: list[datetime], zone: ZoneInfo) -> str:
    if all(walls.every_reading(each, zone) for each in lost):
        return f"left out: comes twice, {_change(lost[0], zone)}"
    return f"left out: does not come, {_change(lost[-1], zone)}"


def _moved(lost: list[datetime], zone: ZoneInfo) -> str:
    times = f"{lost[0]:%H:%M}" + (f" to {lost[-1]:%H:%M}" if len(lost) > 1 else "")
    return f"instead of {times}, which does not come: {_change(lost[-1], zone)}"


def _twice(rule: Cron, each: datetime) -> str:
    wall = each.astimezone(rule.zone).replace(tzinfo=None)
    readings = walls.every_reading(wall, rule.zone)
    if len(readings) == 1:
        return ""
    which = "first" if each == readings[0] else "second"
    only = ", the only one to fire" if rule.moves else ""
    return f"the {which} of two {wall:%H:%M}{only}: {_change(wall, rule.zone)}"


def _change(wall: datetime, zone: ZoneInfo) -> str:
    """Return what the clocks do around a wall time that comes twice or never."""
    moment = walls.jump(wall, zone)
    after = moment.astimezone(zone)
    offset = (moment.replace(microsecond=0) - _SECOND).astimezone(zone).utcoffset()
    assert offset is not None  # noqa: S101 - an aware time has one
    before = (moment + offset).replace(tzinfo=None)
    return f"clocks go from {before:%H:%M} to {after:%H:%M}"


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"
