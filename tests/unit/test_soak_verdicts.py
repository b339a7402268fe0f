"""What the soak calls growth."""

import pytest

from scripts.soaking.judging import judge

MIB = "worker 1: memory, MiB"
FDS = "worker 1: descriptors"


def verdict(name: str, values: list[float]) -> bool:
    """Return whether a measure with these values grows."""
    [found] = judge([{name: value} for value in values], warm_up=0)
    return found.grows


@pytest.mark.parametrize(
    ("name", "values", "grows"),
    [
        (MIB, [50.0] * 90, False),
        (MIB, [50.0 + n / 10 for n in range(90)], True),
        (MIB, [50.0 + n / 100 for n in range(90)], False),  # within the allowance
        (MIB, [80.0 - n / 10 for n in range(90)], False),
        (MIB, [20.0] * 10 + [60.0] * 80, False),  # a warm-up
        (MIB, [50.0] * 40 + [70.0] * 50, False),  # one step, and no further
        (MIB, [50.0, 70.0] * 45, False),
        (FDS, [20.0 + n // 30 for n in range(90)], False),
        (FDS, [20.0 + n // 10 for n in range(90)], True),
    ],
)
def test_growth(name: str, values: list[float], grows: bool) -> None:
    """More than noise, and on and on."""
    assert verdict(name, values) is grows


def test_too_short() -> None:
    """A few samples say nothing; the warm-up does not count."""
    assert judge([{MIB: 1.0}] * 8, warm_up=0) == []
    assert judge([{MIB: 1.0}] * 40, warm_up=35) == []


def test_a_measure_that_comes_late() -> None:
    """What was not there all the time is not judged."""
    samples = [{FDS: 1.0}] * 20 + [{FDS: 1.0, "worker 1: children": 1.0}] * 20
    assert [each.name for each in judge(samples, warm_up=0)] == [FDS]
