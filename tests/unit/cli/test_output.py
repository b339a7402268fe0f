"""Tables for people and JSON for programs."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from jobqueue.cli.output import as_json, block, duration, fields, moment, table


def test_columns_are_aligned() -> None:
    """Texts to the left, numbers to the right, a dash for nothing, no spaces at the end."""
    rows = [("email", 7, None), ("default", 1_234, "x"), ("é", None, "")]
    assert table(("QUEUE", "READY", "NOTE"), rows).splitlines() == [
        "QUEUE    READY  NOTE",
        "email        7  -",
        "default   1234  x",
        "é            -",
    ]


def test_no_rows() -> None:
    """Without rows the headers are left."""
    assert table(("QUEUE", "READY"), []) == "QUEUE  READY"


def test_rows_may_be_an_iterator() -> None:
    """Rows are read once."""
    assert table(("A",), iter([(1,), (2,)])) == "A\n1\n2"


def test_cells_can_not_break_out() -> None:
    """A line break or control sequence in a job's error stays in its cell, visible."""
    text = table(("ERROR",), [("a\nb\x1b[2J",)])
    assert text == "ERROR\na\\nb\\x1b[2J"


def test_json_types() -> None:
    """Dates, bytes and non-ASCII text are what a program expects."""
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    text = as_json({"at": moment, "é": ["ü"], "raw": b"ab"})
    assert json.loads(text) == {"at": "2026-01-02T00:00:00Z", "é": ["ü"], "raw": "YWI="}
    assert "ü" in text


def test_fields() -> None:
    """One line for each value that is there, aligned; nothing can break out of its line."""
    text = fields([("id", "a"), ("worker", None), ("attempts", 0), ("error", "x\ny")])
    assert text == "id        a\nattempts  0\nerror     x\\ny"


def test_block() -> None:
    """A traceback keeps its lines and loses its control sequences."""
    assert block("one\n\n  two\x1b[2J") == "  one\n\n    two\\x1b[2J"


def test_moment() -> None:
    """Times are shown in UTC, to the millisecond, whatever zone they come in."""
    kathmandu = timezone(timedelta(hours=5, minutes=45))
    assert moment(datetime(2026, 1, 2, 5, 45, 0, 7999, kathmandu)) == "2026-01-02 00:00:00.007Z"
    assert moment(None) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, None),
        (0.0, "0ms"),
        (0.000951, "0.951ms"),
        (0.25, "250ms"),
        (4.2, "4.2s"),
        (59.99, "60s"),
        (60, "1m"),
        (3_725, "1h2m"),
        (90_000, "1d1h"),
        (8_640_000, "100d"),
    ],
)
def test_duration(seconds: float | None, text: str | None) -> None:
    """A duration is short: three digits, or its two largest units."""
    assert duration(seconds) == text
