"""Cron where clocks change: golden nights for each policy, and takeovers in the middle.

New York sets its clocks forward on 2026-03-08 from 02:00 to 03:00 (07:00 UTC) and back
on 2026-11-01 from 02:00 to 01:00 (06:00 UTC).
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobqueue.domain.schedules import Cron

SPRING = datetime(2026, 3, 8, 5, tzinfo=UTC)
AUTUMN = datetime(2026, 11, 1, 4, tzinfo=UTC)
NEW_YORK = "America/New_York"


def night(rule: Cron, start: datetime) -> str:
    """Return the occurrences of the five hours from ``start`` on, as UTC times."""
    found = rule.upcoming(start - timedelta(seconds=1), 30)
    return " ".join(f"{each:%H:%M}" for each in found if each < start + timedelta(hours=5))


@pytest.mark.parametrize(
    ("expression", "dst", "spring", "autumn"),
    [
        # 02:30 never comes in spring, 01:30 comes twice in autumn
        ("30 2 * * *", "once", "07:00", "07:30"),
        ("30 2 * * *", "every", "", "07:30"),
        ("30 2 * * *", "skip", "", "07:30"),
        ("30 1 * * *", "once", "06:30", "05:30"),
        ("30 1 * * *", "every", "06:30", "05:30 06:30"),
        ("30 1 * * *", "skip", "06:30", ""),
        # three missing times make one occurrence, beside the real 03:00
        ("0,30 2,3 * * *", "once", "07:00 07:30", "07:00 07:30 08:00 08:30"),
        ("10,20,50 2 * * *", "once", "07:00", "07:10 07:20 07:50"),
        # a star in minute or hour: the rhythm stays
        ("30 * * * *", "once", "05:30 06:30 07:30 08:30 09:30", "04:30 05:30 06:30 07:30 08:30"),
        ("*/30 1 * * *", "once", "06:00 06:30", "05:00 05:30 06:00 06:30"),
        ("*/30 2 * * *", "once", "", "07:00 07:30"),
        ("30 * * * *", "skip", "05:30 06:30 07:30 08:30 09:30", "04:30 07:30 08:30"),
    ],
)
def test_new_york(expression: str, dst: Any, spring: str, autumn: str) -> None:
    """Each policy does what the docstring of ``Cron`` says, on both nights."""
    rule = Cron(expression, timezone=NEW_YORK, dst=dst)
    assert night(rule, SPRING) == spring
    assert night(rule, AUTUMN) == autumn


def test_seconds_follow_the_same_rule() -> None:
    """A sixth field does not make a fixed time a rhythm."""
    rule = Cron("*/30 30 1 * * *", timezone=NEW_YORK, seconds=True)
    found = rule.upcoming(AUTUMN, 3)
    assert [f"{each:%d %H:%M:%S}" for each in found] == [
        "01 05:30:00",
        "01 05:30:30",
        "02 06:30:00",
    ]


def test_a_takeover_between_the_two_folds_fires_nothing_twice() -> None:
    """The moment alone decides: no memory of what fired before is needed."""
    rule = Cron("30 1 * * *", timezone=NEW_YORK)
    tomorrow = datetime(2026, 11, 2, 6, 30, tzinfo=UTC)
    for minutes in range(90, 240):
        assert rule.next_after(AUTUMN + timedelta(minutes=minutes)) == tomorrow


def test_the_fold_of_the_moment_counts() -> None:
    """The same wall clock, first and second time round, asks about two moments."""
    rule = Cron("30 1 * * *", timezone=NEW_YORK, dst="every")
    first = datetime(2026, 11, 1, 1, 30, tzinfo=ZoneInfo(NEW_YORK))
    assert rule.next_after(first) == AUTUMN.replace(hour=6, minute=30)
    second = first.replace(fold=1)
    assert rule.next_after(second) == datetime(2026, 11, 2, 6, 30, tzinfo=UTC)


def test_wall_times_that_passed_come_again() -> None:
    """A day of the year in the repeated hour: the next one is tonight, not next year."""
    rule = Cron("*/30 1 1 11 *", timezone=NEW_YORK)
    assert rule.next_after(AUTUMN.replace(hour=5, minute=59)) == AUTUMN.replace(hour=6)


def test_a_half_hour_change() -> None:
    """Lord Howe moves by 30 minutes: 02:00 to 01:30 in autumn, 02:00 to 02:30 in spring."""
    rule = Cron("45 1 * * *", timezone="Australia/Lord_Howe")
    assert night(rule, datetime(2026, 4, 4, 12, tzinfo=UTC)) == "14:45"
    gap = Cron("15 2 * * *", timezone="Australia/Lord_Howe")
    assert night(gap, datetime(2026, 10, 3, 12, tzinfo=UTC)) == "15:30"


def test_a_missing_midnight() -> None:
    """Santiago's clocks skip midnight: the daily job fires at 01:00, the day's first minute."""
    rule = Cron("@daily", timezone="America/Santiago")
    assert night(rule, datetime(2026, 9, 6, 2, tzinfo=UTC)) == "04:00"


def test_a_missing_day() -> None:
    """Apia had no 30 December 2011: the job fires as soon as the 31st begins, once."""
    rule = Cron("0,30 9-17 * * *", timezone="Pacific/Apia")
    eve = datetime(2011, 12, 29, 18, tzinfo=ZoneInfo("Pacific/Apia"))
    found = [
        f"{each.astimezone(ZoneInfo('Pacific/Apia')):%d %H:%M}" for each in rule.upcoming(eve, 2)
    ]
    assert found == ["31 00:00", "31 09:00"]


@settings(max_examples=60)
@given(
    expression=st.sampled_from(
        ["30 1 * * *", "*/7 * * * *", "0,20,40 0-3 * * *", "*/15 2 * * *", "10 2 1-10 * sun"]
    ),
    dst=st.sampled_from(["once", "every", "skip"]),
    zone=st.sampled_from([NEW_YORK, "Australia/Lord_Howe", "America/Santiago", "Europe/London"]),
    start=st.sampled_from([SPRING, AUTUMN]),
    minutes=st.integers(-300_000, 300_000) | st.integers(-300, 300),
    share=st.floats(0, 0.999),
)
def test_asking_again_before_it_is_due_changes_nothing(
    *, expression: str, dst: Any, zone: str, start: datetime, minutes: int, share: float
) -> None:
    """From every moment up to an occurrence that occurrence is the next one."""
    rule = Cron(expression, timezone=zone, dst=dst)
    moment = start + timedelta(minutes=minutes)
    found = rule.next_after(moment)
    assert found is not None
    assert found > moment
    assert rule.next_after(moment + (found - moment) * share) == found
