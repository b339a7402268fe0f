"""``schedules next`` says what clock changes do to occurrences."""

from datetime import UTC, datetime
from typing import Any

import pytest

from jobqueue.domain.explained import explain
from jobqueue.domain.occurrences import Policy
from jobqueue.domain.schedules import Bounded, Cron, Every

SPRING, AUTUMN = datetime(2026, 3, 7, 12, tzinfo=UTC), datetime(2026, 10, 31, 12, tzinfo=UTC)
NEW_YORK = "America/New_York"
ONLY = "the first of two 01:30, the only one to fire"
FORWARD, BACK = "clocks go from 02:00 to 03:00", "clocks go from 02:00 to 01:00"


@pytest.mark.parametrize(
    ("expression", "dst", "begin", "expected"),
    [
        (
            *("30 2 * * *", "once", SPRING),
            [
                f"07:00 2026-03-08 03:00:00 EDT instead of 02:30, which does not come: {FORWARD}",
                "06:30 2026-03-09 02:30:00 EDT",
            ],
        ),
        (
            *("30 2 * * *", "every", SPRING),
            [
                f"- 2026-03-08 02:30:00 left out: does not come, {FORWARD}",
                "06:30 2026-03-09 02:30:00 EDT",
                "06:30 2026-03-10 02:30:00 EDT",
            ],
        ),
        (
            *("30 1 * * *", "once", AUTUMN),
            [
                f"05:30 2026-11-01 01:30:00 EDT {ONLY}: {BACK}",
                "06:30 2026-11-02 01:30:00 EST",
            ],
        ),
        (
            *("30 1 * * *", "every", AUTUMN),
            [
                f"05:30 2026-11-01 01:30:00 EDT the first of two 01:30: {BACK}",
                f"06:30 2026-11-01 01:30:00 EST the second of two 01:30: {BACK}",
            ],
        ),
        (
            *("0,30 1 * * *", "skip", AUTUMN),
            [
                f"- 2026-11-01 01:00:00 to 01:30:00 left out: comes twice, {BACK}",
                "06:00 2026-11-02 01:00:00 EST",
                "06:30 2026-11-02 01:30:00 EST",
            ],
        ),
    ],
)
def test_new_york(expression: str, dst: Any, begin: datetime, expected: list[str]) -> None:
    """Moved, doubled and missing times have a note; all others have none."""
    rule = Cron(expression, timezone=NEW_YORK, dst=dst)
    found = [
        f"{each.occurrence:%H:%M} {each.local} {each.note}".rstrip()
        if each.occurrence
        else f"- {each.local} {each.note}"
        for each in explain("nightly", rule, Policy(), begin, 2)
    ]
    assert found == expected


def test_what_clocks_take_away_before_the_start_is_not_told() -> None:
    """Of a schedule that begins later, only what lies after its start is looked at."""
    rule = Cron("30 2 * * *", timezone=NEW_YORK, dst="every")
    later = Bounded(rule, datetime(2026, 3, 20, tzinfo=UTC))
    assert [each.note for each in explain("nightly", later, Policy(), SPRING, 2)] == ["", ""]


def test_an_interval_has_no_clock_changes() -> None:
    """Its times are shown in UTC."""
    [first] = explain("tick", Every(3600), Policy(), SPRING, 1)
    assert (first.local, first.note) == ("2026-03-07 13:00:00 UTC", "")
