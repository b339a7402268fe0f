"""Cron expressions: what they mean where no clock changes, and what is refused."""

import pickle
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from jobqueue.domain.cron import WORDS
from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.schedules import Cron, Dst

FRIDAY = datetime(2026, 5, 1, 12, 34, 56, 789, tzinfo=UTC)


def following(expression: str, n: int = 3, **options: Any) -> list[str]:
    """Return the next n occurrences after a Friday noon as short text."""
    found = Cron(expression, **options).upcoming(FRIDAY, n)
    return [f"{each:%m-%d %H:%M:%S}" for each in found]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("* * * * *", ["05-01 12:35:00", "05-01 12:36:00", "05-01 12:37:00"]),
        ("*/20 * * * *", ["05-01 12:40:00", "05-01 13:00:00", "05-01 13:20:00"]),
        ("5/20 13 * * *", ["05-01 13:05:00", "05-01 13:25:00", "05-01 13:45:00"]),
        ("0 22-2/2 * * *", ["05-01 22:00:00", "05-02 00:00:00", "05-02 02:00:00"]),
        ("30 9 * * mon-fri", ["05-04 09:30:00", "05-05 09:30:00", "05-06 09:30:00"]),
        ("0 0 * * 7", ["05-03 00:00:00", "05-10 00:00:00", "05-17 00:00:00"]),
        ("0 0 * * 0-7", ["05-02 00:00:00", "05-03 00:00:00", "05-04 00:00:00"]),
        ("0 0 l * *", ["05-31 00:00:00", "06-30 00:00:00", "07-31 00:00:00"]),
        ("0 0 * * mon#1", ["05-04 00:00:00", "06-01 00:00:00", "07-06 00:00:00"]),
        ("0 6 1,15 JUN *", ["06-01 06:00:00", "06-15 06:00:00", "06-01 06:00:00"]),
    ],
)
def test_meaning(expression: str, expected: list[str]) -> None:
    """Ranges, steps, lists, names and the usual extensions."""
    assert following(expression) == expected


def test_day_and_weekday() -> None:
    """Either one is enough, unless one begins with a star: then both must match."""
    assert following("0 0 13 * fri", 2) == ["05-08 00:00:00", "05-13 00:00:00"]
    assert following("0 0 */7 * mon", 2) == ["06-01 00:00:00", "06-08 00:00:00"]


def test_seconds_stand_in_front() -> None:
    """Six fields are an option, and the first one is the second."""
    assert following("*/20 * * * * *", seconds=True) == [
        "05-01 12:35:00",
        "05-01 12:35:20",
        "05-01 12:35:40",
    ]
    assert following("15 0 3 * * *", 1, seconds=True) == ["05-02 03:00:15"]
    assert following("@hourly", 1, seconds=True) == ["05-01 13:00:00"]


@pytest.mark.parametrize("word", WORDS)
def test_words(word: str) -> None:
    """A word means its five fields, in capitals too."""
    assert following(word) == following(WORDS[word]) == following(word.upper())


def test_leap_days_are_found_over_a_century_without_one() -> None:
    """2100 has no 29 February; the search is bounded but long enough."""
    rule = Cron("0 0 29 2 *")
    assert rule.next_after(datetime(2096, 3, 1, tzinfo=UTC)) == datetime(2104, 2, 29, tzinfo=UTC)


def test_the_calendar_ends() -> None:
    """After the year 9999 nothing comes; this is an answer, not an error."""
    assert Cron("0 0 * * *").next_after(datetime(9999, 12, 31, tzinfo=UTC)) is None


def test_answers_are_in_utc_whatever_the_zones() -> None:
    """Neither the zone of the moment nor that of the rule shows in the answer."""
    moment = datetime(2026, 5, 1, 12, tzinfo=timezone(timedelta(hours=9)))
    found = Cron("0 9 * * *", timezone="Asia/Tokyo").next_after(moment)
    assert found == datetime(2026, 5, 2, tzinfo=UTC)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("60 * * * *", "minute '60' is wrong; write 0-59"),
        ("* 24 * * *", "hour '24' is wrong; write 0-23"),
        ("* * 0 * *", "day of month '0' is wrong"),
        ("* * * jann *", "month 'jann' is wrong; write 1-12 or jan-dec"),
        ("* * * * 8", "day of week '8' is wrong"),
        ("*/0 * * * *", "minute '\\*/0' is wrong"),
        ("1,,2 * * * *", "minute '1,,2' is wrong"),
        ("٣ * * * *", "minute '٣' is wrong"),
        ("r * * * *", "minute 'r' is wrong"),
        ("h h * * *", "minute 'h' is wrong"),
        ("1-1 * * * *", "minute '1-1' begins where it ends; write 1 for one value"),
        ("* 5,07-7/2 * * *", "hour '07-7/2' begins where it ends"),
        ("* * 31-l * *", "day of month '31-l' begins where it ends"),
        ("* * * jan-1 *", "month 'jan-1' begins where it ends"),
        ("* * * * mon-1", "day of week 'mon-1' begins where it ends"),
        ("* * * * 7-0", "day of week '7-0' begins where it ends"),
        ("0 0 30 2 *", "no such date ever comes"),
        ("0 0 31 4,6 *", "no such date ever comes"),
        ("", "0 fields; write 'minute hour"),
        ("* * * *", "4 fields; write 'minute hour"),
        ("* * * * * *", "6 fields; .*seconds=True"),
        ("* * * * * * 2030", "7 fields; write"),
        ("@dialy", "'@dialy' is unknown; did you mean '@daily'"),
        ("@reboot", "'@reboot' is unknown; write one of @yearly"),
        (None, "as text, not None"),
    ],
)
def test_bad_expressions_are_refused(expression: Any, message: str) -> None:
    """The message names the field and what to write; no rule is made."""
    with pytest.raises(ConfigurationError, match=message):
        Cron(expression)


def test_seconds_make_six_fields_compulsory() -> None:
    """With the option on, five fields are an error, so no one reads minutes as seconds."""
    with pytest.raises(ConfigurationError, match="5 fields; with seconds=True write 'second"):
        Cron("* * * * *", seconds=True)
    with pytest.raises(ConfigurationError, match="second '61' is wrong"):
        Cron("61 * * * * *", seconds=True)


@pytest.mark.parametrize(
    ("zone", "message"),
    [
        ("europe/berln", "did you mean 'Europe/Berlin'"),
        ("America/NewYork", "did you mean 'America/New_York'"),
        ("Mars/Olympus_Mons", "is unknown; write a name like"),
        ("Europe", "is unknown"),
        ("../etc/passwd", "is unknown"),
        ("", "is unknown"),
        (None, "write a name like 'Europe/Berlin'"),
    ],
)
def test_bad_zones_are_refused(zone: Any, message: str) -> None:
    """A zone that does not exist is refused with the nearest name."""
    with pytest.raises(ConfigurationError, match=message):
        Cron("0 0 * * *", timezone=zone)


def test_bad_dst_is_refused() -> None:
    """A policy that does not exist is refused with the nearest name."""
    with pytest.raises(ConfigurationError, match="cron dst: 'evry' is unknown; did you mean"):
        Cron("0 0 * * *", dst="evry")  # type: ignore[arg-type]


def test_naive_moments_are_refused() -> None:
    """A naive time does not say which moment it is."""
    with pytest.raises(ValueError, match="no time zone"):
        Cron("0 0 * * *").next_after(datetime(2026, 1, 1))  # noqa: DTZ001 - naive on purpose


def test_rules_are_values() -> None:
    """Equal options make equal rules, also after pickling."""
    rule = Cron("0 3 * * *", timezone="Europe/Berlin", dst="skip")
    assert rule == Cron("0 3 * * *", timezone="Europe/Berlin", dst=Dst.SKIP)
    assert rule != Cron("0 3 * * *", timezone="Europe/Berlin")
    assert len({rule, pickle.loads(pickle.dumps(rule))}) == 1  # noqa: S301 - our own bytes


def test_importing_schedules_does_not_import_croniter() -> None:
    """Only a program that has a cron rule pays for croniter."""
    code = "import sys, jobqueue.domain.schedules; print('croniter' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.strip() == b"False"
