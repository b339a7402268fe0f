"""Cron around every clock change on earth from 2020 to 2035, against cronsim.

Zones that change at the same moment between the same offsets behave alike, so each change is
tried once.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import takewhile
from zoneinfo import ZoneInfo, available_timezones

import pytest
from cronsim import CronSim

from jobqueue.domain.schedules import Cron

BEGIN, WEEKS = datetime(2020, 1, 1, tzinfo=UTC), 835
MARGIN = timedelta(hours=3)
SECOND = timedelta(seconds=1)

Change = tuple[datetime, timedelta, timedelta]  # when; the offsets before and after


@cache
def changes() -> dict[Change, str]:
    """Return a zone for each change."""
    found: dict[Change, str] = {}
    for name in sorted(available_timezones()):
        for change in _changes_of(ZoneInfo(name)):
            found.setdefault(change, name)
    return found


def _changes_of(zone: ZoneInfo) -> Iterator[Change]:
    """Yield the changes of a zone; no two of them are in one week."""
    early, before = BEGIN, _offset(BEGIN, zone)
    for week in range(1, WEEKS):
        late = BEGIN + timedelta(weeks=week)
        after = _offset(late, zone)
        if after != before:
            yield _found(early, late, zone), before, after
        early, before = late, after


def _found(early: datetime, late: datetime, zone: ZoneInfo) -> datetime:
    old = _offset(early, zone)
    while late - early > SECOND:
        middle = early + (late - early) // SECOND // 2 * SECOND
        early, late = (middle, late) if _offset(middle, zone) == old else (early, middle)
    return late


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def test_all_changes_are_there() -> None:
    """There are hundreds of changes, forward and back, by whole hours and by less."""
    steps = [after - before for _, before, after in changes()]
    assert len(steps) > 900
    assert {timedelta(hours=n) for n in (1, -1, 0.5, -0.5)} <= set(steps)


@pytest.mark.parametrize(
    "expression", ["30 1 * * *", "0 0 * * *", "15,45 0,2,3 * * *", "*/20 * * * *"]
)
def test_each_change_as_debian_does_it(expression: str) -> None:
    """``dst="once"`` fires what cronsim fires, from three hours before a change to three after."""
    differing = []
    for (moment, _, _), zone in changes().items():
        rule, end = Cron(expression, timezone=zone), moment + MARGIN
        ours = takewhile(lambda each: each < end, rule.upcoming(moment - MARGIN, 20))  # noqa: B023 - used at once
        theirs = CronSim(expression, (moment - MARGIN).astimezone(ZoneInfo(zone)))
        expected = list(takewhile(lambda each: each < end, (e.astimezone(UTC) for e in theirs)))  # noqa: B023 - the same
        if list(ours) != expected:
            differing.append((zone, moment))
    assert differing == []
