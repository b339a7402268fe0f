"""Durations, sizes and the other kinds of value that settings take."""

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.domain import kinds
from jobqueue.domain.jobs import Priority
from jobqueue.domain.units import LONGEST, read_seconds, seconds, show_seconds, show_size, size


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("15", 15.0),
        ("15s", 15.0),
        ("0.5s", 0.5),
        ("5m", 300.0),
        ("2h", 7_200.0),
        ("90d", 7_776_000.0),
        (" 90 d ", 7_776_000.0),
        (15, 15.0),
        (0.25, 0.25),
        (0, 0.0),
        (timedelta(minutes=1), 60.0),
    ],
)
def test_durations(written: Any, value: float) -> None:
    """A duration is seconds, a number with a unit or a ``timedelta``."""
    assert read_seconds(written) == value


@pytest.mark.parametrize(
    "written",
    [
        *("", "s", "15 apples", "5M", "1h30m", "1e3", "٣s", "-1s", "9" * 400, "36601d"),
        *(-1, True, None, [], math.nan, math.inf, 10**400, timedelta(seconds=-1)),
    ],
)
def test_no_durations(written: Any) -> None:
    """Anything else is refused, also what would overflow."""
    with pytest.raises(ValueError, match="write"):
        read_seconds(written)


def test_durations_in_code_are_no_texts() -> None:
    """Options of jobs, policies and schedules take the same numbers, without the texts."""
    assert seconds(timedelta(minutes=1)) == seconds(60) == 60
    assert seconds(LONGEST) == read_seconds("36600d") == LONGEST
    for wrong in ("15", "15s", None, True, -1, math.nan, LONGEST + 1):
        with pytest.raises(ValueError, match="write"):
            seconds(wrong)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1024", 1024),
        ("10B", 10),
        ("64KiB", 65_536),
        ("1.5MiB", 1_572_864),
        ("2GiB", 2 << 30),
        (5, 5),
        (5.0, 5),
    ],
)
def test_sizes(written: Any, value: int) -> None:
    """A size is a number of bytes or a number with a binary unit."""
    assert size(written) == value
    assert isinstance(size(written), int)


@pytest.mark.parametrize(
    "written", ["", "64KB", "64k", "1TiB", "0.3B", "-1", 1.5, False, None, math.inf, 10**400]
)
def test_no_sizes(written: Any) -> None:
    """Units of other meaning, parts of a byte and infinities are refused."""
    with pytest.raises(ValueError, match=r"write|whole number of bytes"):
        size(written)


@given(st.integers(0, 36_500 * 86_400))
def test_shown_duration_reads_back(value: int) -> None:
    """What ``show`` writes, ``parse`` reads."""
    assert read_seconds(show_seconds(float(value))) == value


@given(st.integers(0, 1 << 49))
def test_shown_size_reads_back(value: int) -> None:
    """What ``show`` writes, ``parse`` reads."""
    assert size(show_size(value)) == value


def test_largest_unit_is_shown() -> None:
    """People read ``90d`` and ``64KiB``, not their products."""
    assert [show_seconds(value) for value in (7_776_000, 90, 0, 0.5)] == [
        "90d",
        "90s",
        "0s",
        "0.5s",
    ]
    assert [show_size(value) for value in (65_536, 1_500, 0)] == ["64KiB", "1500B", "0B"]


@pytest.mark.parametrize("written", ["1.5", "1_000", "+3", "٣", "", "x", 1.0, True, None])
def test_no_whole_numbers(written: Any) -> None:
    """A whole number is digits, whatever ``int`` would take."""
    with pytest.raises(ValueError, match="no whole number"):
        kinds.whole(written)


@pytest.mark.parametrize("written", ["", " ", "a\nb", "a\x00b", 5, None])
def test_no_texts(written: Any) -> None:
    """A text is one line with something on it; PostgreSQL takes no NUL."""
    with pytest.raises(ValueError, match="no text"):
        kinds.text(written)


@pytest.mark.parametrize("written", ["", "{a}", "a b", "a\n", "x" * 65, 5])
def test_no_prefixes(written: Any) -> None:
    """A brace would move keys to other cluster slots."""
    with pytest.raises(ValueError, match="can't begin a key"):
        kinds.prefix(written)


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("shop", "shop:app"),
        ("shop/jobs.py:queue", "shop.jobs:queue"),
        ("./shop.py", "shop:app"),
        (":app", "package.module:app"),
        ("shop:", "shop:app"),
        ("a b:app", "such as package.module:app"),
        ("shop:app:x", "such as shop:app$"),
        ("shop:app()", "such as shop:app$"),
    ],
)
def test_no_app_paths(written: str, hint: str) -> None:
    """A path of another form is refused with one of the right form."""
    with pytest.raises(ValueError, match=hint):
        kinds.app_path(written)


@pytest.mark.parametrize("written", ["shop:app", "shop.jobs:queue.app"])
def test_app_paths(written: str) -> None:
    """Both sides may have dots."""
    assert kinds.app_path(written) == written


@pytest.mark.parametrize("written", ["a,b", " a , b,a", ["a", "b"], ("a", "b", "a")])
def test_queues(written: Any) -> None:
    """A list keeps its order and names each queue once."""
    assert kinds.queues(written) == ("a", "b")


@pytest.mark.parametrize(
    "written", ["", "a,", ",", "a b", [], [5], 5, {"a": 0}, "a,{b}", {}, "a:0,b:1", "a:1,b"]
)
def test_no_queues(written: Any) -> None:
    """An empty or malformed name or weight is refused, not dropped."""
    with pytest.raises(ValueError, match=r"write (at least one|a,b|a whole)|can't name a queue"):
        kinds.queues(written)


@pytest.mark.parametrize("written", ["a:6,b:3", " a:6 , b:3", "a=6,b=3", {"a": 6, "b": 3}])
def test_weights(written: Any) -> None:
    """Weights are given for every queue, in the form of a list or a mapping."""
    assert kinds.queues(written) == {"a": 6, "b": 3}


@pytest.mark.parametrize("written", ["a=5,b=1", " a:5 , b=1", {"a": 5, "b": 1}])
def test_counts(written: Any) -> None:
    """A number for each queue may be written like a weight, too."""
    assert kinds.counts(written) == {"a": 5, "b": 1}


@pytest.mark.parametrize("written", ["a", "a=x", '{"a": 5}', "", "a=5,", 5, {}, ["a"]])
def test_no_counts(written: Any) -> None:
    """Whatever is wrong, the message has the form that is right."""
    with pytest.raises(ValueError, match="; write such as email=5,reports=1"):
        kinds.counts(written)


def test_words_suggest() -> None:
    """A word that is not known says which one it may be."""
    assert kinds.PRIORITY.parse("HIGH") == Priority.HIGH.label
    with pytest.raises(ValueError, match="did you mean 'normal'"):
        kinds.PRIORITY.parse("nromal")
    with pytest.raises(ValueError, match="write one of people, json"):
        kinds.LOG_FORMAT.parse("xml")
