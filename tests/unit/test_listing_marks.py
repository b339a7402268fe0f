"""Marks of a page, as people copy them."""

from typing import Any

import pytest

from jobqueue.domain.errors import InvalidJob
from jobqueue.domain.listing import Mark, read_mark, write_mark

ID = "01890a5d-ac96-774b-bcce-b302099a8057"
PLACES = [
    (0, [ID]),
    (1, [3, "1-0"]),
    (1, [8, 2.5, 1]),
    (2, ["limit", "limit:x", 1.5, 2]),
    (2, ["lock", "k", 7]),
    (3, [1.5e12, 1]),
    (4, ["1-0", 3]),
    (5, ["2026-01-01T00:00:00+00:00", ID]),
]
MANGLED = [
    (0, [1]),
    (1, ["1-0", 3]),
    (1, [3, "-"]),
    (2, ["other", "k", 7]),
    (2, ["lock"]),
    (3, [1]),
    (4, ["x", 3]),
    (5, ["yesterday", ID]),
    (5, ["2026-01-01T00:00:00", ID]),
    (5, ["2026-01-01T00:00:00+00:00", "x"]),
    (6, []),
]


@pytest.mark.parametrize(("part", "place"), PLACES)
def test_read(part: int, place: list[Any]) -> None:
    """What was written is read."""
    mark = Mark(part, "default", place)
    assert read_mark(write_mark(mark)) == mark


@pytest.mark.parametrize(("part", "place"), MANGLED)
def test_mangled(part: int, place: list[Any]) -> None:
    """A place that its part does not have is refused, not looked up."""
    with pytest.raises(InvalidJob, match="no end of a page"):
        read_mark(write_mark(Mark(part, "default", place)))
