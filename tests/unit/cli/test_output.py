"""Tables for people and JSON for programs."""

import json
from datetime import UTC, datetime

from jobqueue.cli.output import as_json, table


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
