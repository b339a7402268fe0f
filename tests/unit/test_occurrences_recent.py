"""Which occurrence fires, and by which number of milliseconds it is known."""

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.domain.instants import milliseconds
from jobqueue.domain.occurrences import recent
from jobqueue.domain.schedules import Cron, Every, Schedule

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

RULES: list[Schedule] = [
    Every(7),
    Every(2.5),
    Every(3600, anchor=NOON + timedelta(seconds=17)),
    Cron("*/5 * * * *"),
    Cron("30 2 * * *", timezone="America/New_York"),
    Cron("0 3 1 * *"),
    Cron("*/20 * * * * *", seconds=True),
]


def latest(rule: Schedule, after: datetime, until: datetime) -> datetime | None:
    """Return the last occurrence of a stretch of time."""
    return next(iter(recent(rule, after, until, 1)[0]), None)


@pytest.mark.parametrize("rule", RULES, ids=repr)
@given(away=st.timedeltas(timedelta(), timedelta(hours=2)), offset=st.integers(0, 10_000_000))
def test_it_is_the_last_of_all(rule: Schedule, away: timedelta, offset: int) -> None:
    """However long the downtime, the answer is what walking through all occurrences gives."""
    until = NOON + timedelta(milliseconds=offset)
    all_of_them = list(takewhile(lambda o: o <= until, _from(rule, until - away)))
    for most in (1, 7):
        kept = all_of_them[-most:]
        more = len(all_of_them) > most
        assert recent(rule, until - away, until, most) == (kept, more)


def _from(rule: Schedule, after: datetime) -> "list[datetime]":
    found, limit = [], after + timedelta(hours=2, seconds=1)
    following = rule.next_after(after)
    while following is not None and following <= limit:
        found.append(following)
        following = rule.next_after(following)
    return found


@pytest.mark.parametrize(
    ("after", "until", "expected"),
    [
        (NOON, NOON, None),
        (NOON, NOON + timedelta(seconds=9), None),
        (NOON, NOON + timedelta(seconds=10), NOON + timedelta(seconds=10)),
        (NOON - timedelta(microseconds=1), NOON, NOON),
        (NOON + timedelta(seconds=30), NOON, None),  # the clock was set back
    ],
)
def test_the_bounds(after: datetime, until: datetime, expected: datetime | None) -> None:
    """What fired last does not fire again; what is due now does; nothing fires early."""
    assert latest(Every(10), after, until) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Every(1), NOON),
        (Cron("0 0 29 2 *"), datetime(2024, 2, 29, tzinfo=UTC)),
        (Cron("0 0 1 1 *"), datetime(2026, 1, 1, tzinfo=UTC)),
    ],
    ids=repr,
)
def test_years_of_downtime(rule: Schedule, expected: datetime) -> None:
    """A schedule that slept for ten years is found out in no time, often or rare."""
    began = perf_counter()
    assert latest(rule, NOON - timedelta(days=3653), NOON) == expected
    assert perf_counter() - began < 5, "it walked through the years"


@given(st.integers(0, 4_102_444_800_000_000))
def test_milliseconds_are_never_late(microseconds: int) -> None:
    """An occurrence is known by the millisecond in which it lies: rounded up, it would be early."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
    assert milliseconds(moment) == microseconds // 1000
