"""What has changed between two runs of the benchmarks."""

from pathlib import Path

import pytest

from scripts.benchmarks.comparing import Change, Earlier, Kept, lines, read
from scripts.benchmarks.figures import Figure, Series
from scripts.benchmarks.report import Unreadable


def change(before: list[float], now: list[float]) -> Change:
    """Return the change between the values of two runs."""
    middle = len(before) // 2
    return Change(before, now, sorted(before)[middle], sorted(now)[len(now) // 2])


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        ([100, 110, 120], [130, 131, 132], "more"),
        ([130, 131, 132], [100, 110, 120], "less"),
        ([100, 110, 120], [119, 130, 140], "noise"),
        ([100, 110, 120], [100, 110, 120], "noise"),
        ([100], [200, 210, 220], "too few rounds"),
    ],
)
def test_verdicts(before: list[float], now: list[float], verdict: str) -> None:
    """A change counts when no value of one run lies within the range of the other."""
    assert change(before, now).verdict == verdict


def test_ratio_and_noise() -> None:
    """The ratio is that of medians; the noise is the wider range, by its median."""
    each = change([90, 100, 110], [100, 200, 300])
    assert each.ratio == 2
    assert each.noise == 1


def test_nothing_to_divide_by() -> None:
    """A figure that was 0 has no ratio, and one round has no range."""
    assert change([0, 0, 0], [1, 1, 1]).ratio is None
    assert change([5], [6]).noise is None


def test_lines() -> None:
    """Figures of both runs are compared; those that are gone are named, new ones wait."""
    earlier = Earlier({"drain": Kept(100, [99, 100, 101]), "old": Kept(1, [1])})
    now = [
        Series(Figure("drain", "drain", "/s"), [150, 151, 152], []),
        Series(Figure("new", "new one", "/s"), [1], []),
    ]
    text = "\n".join(lines(earlier, now))
    assert "1.51" in text
    assert "more" in text
    assert "not measured now: old" in text
    assert "new one" not in text


def test_a_file_that_is_no_run(tmp_path: Path) -> None:
    """It is refused with its name, before anything is measured."""
    file = tmp_path / "run.json"
    for content in ("", "[]", '{"figures": {"drain": {"median": "x"}}}'):
        file.write_text(content)
        with pytest.raises(Unreadable, match=r"run\.json"):
            read(file)
    with pytest.raises(Unreadable, match=r"absent\.json"):
        read(tmp_path / "absent.json")
