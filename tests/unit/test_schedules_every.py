"""Intervals: a grid without drift, and what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.schedules import Every

NOON = datetime(2026, 3, 8, 12, tzinfo=UTC)

moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - naive on purpose
intervals = st.timedeltas(timedelta(milliseconds=1), timedelta(days=400))


def test_without_an_anchor_the_grid_starts_at_the_epoch() -> None:
    """Every process with the same interval has the same grid."""
    assert Every(900).next_after(NOON + timedelta(minutes=1)) == NOON + timedelta(minutes=15)
    assert Every(7).next_after(NOON) == datetime.fromtimestamp(1_772_971_207, UTC)
    assert 1_772_971_207 % 7 == 0


def test_a_time_on_the_grid_is_not_its_own_successor() -> None:
    """The next occurrence is strictly later, from any moment before it."""
    rule = Every(timedelta(minutes=5))
    assert rule.next_after(NOON) == NOON + timedelta(minutes=5)
    assert rule.next_after(NOON - timedelta(microseconds=1)) == NOON


def test_the_grid_goes_through_the_anchor() -> None:
    """The anchor and whole steps from it, in both directions."""
    rule = Every(3600, anchor=NOON + timedelta(minutes=20))
    assert rule.next_after(NOON) == NOON + timedelta(minutes=20)
    assert rule.next_after(NOON - timedelta(hours=5)) == NOON - timedelta(hours=4, minutes=40)
    assert rule.next_after(NOON + timedelta(days=9)) == NOON + timedelta(days=9, minutes=20)


def test_an_interval_is_a_duration_where_clocks_change() -> None:
    """A day is 24 hours, whatever the clocks of the anchor's zone do."""
    eve = datetime(2026, 3, 7, 12, tzinfo=ZoneInfo("America/New_York"))
    following = Every(timedelta(days=1), anchor=eve).next_after(eve)
    assert following == datetime(2026, 3, 8, 17, tzinfo=UTC)


def test_upcoming() -> None:
    """The next n, each strictly after the one before."""
    hours = [NOON + timedelta(hours=n) for n in (1, 2, 3)]
    assert Every(3600).upcoming(NOON, 3) == hours
    assert Every(3600).upcoming(NOON, 0) == []


def test_the_calendar_ends() -> None:
    """After the year 9999 nothing comes; this is an answer, not an error."""
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert Every(3600).next_after(last) is None
    assert Every(3600).upcoming(last - timedelta(hours=2), 5) == [
        last.replace(hour=hour, minute=0, second=0) for hour in (22, 23)
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval": 0}, "too short"),
        ({"interval": 0.0004}, "too short"),
        ({"interval": -1}, "out of range"),
        ({"interval": timedelta(seconds=-1)}, "out of range"),
        ({"interval": float("inf")}, "out of range"),
        ({"interval": "60"}, "seconds or a timedelta"),
        ({"interval": 60, "anchor": datetime(2026, 1, 1)}, "no time zone"),  # noqa: DTZ001 - naive on purpose
    ],
)
def test_bad_intervals_are_refused(options: dict[str, Any], message: str) -> None:
    """A wrong interval is refused when the rule is made."""
    with pytest.raises(ConfigurationError, match=message):
        Every(**options)


def test_naive_moments_are_refused() -> None:
    """A naive time does not say which moment it is."""
    with pytest.raises(ValueError, match="no time zone"):
        Every(60).next_after(datetime(2026, 1, 1))  # noqa: DTZ001 - naive on purpose


@given(interval=intervals, anchor=moments, moment=moments)
def test_no_drift(interval: timedelta, anchor: datetime, moment: datetime) -> None:
    """Each occurrence is a whole number of steps from the anchor, at most one step away."""
    following = Every(interval, anchor=anchor).next_after(moment)
    assert following is not None
    assert (following - anchor) % interval == timedelta(0)
    assert timedelta(0) < following - moment <= interval
