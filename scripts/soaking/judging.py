"""Whether a measure grows: what the first third after the warm-up had, against the last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

WARM_UP = 0.1  # of all samples
FEWEST = 9  # samples after it, to judge at all

# Measure: what it may gain, as a share and beyond that as a number.
ALLOWED = {
    "memory, MiB": (0.05, 2.0),
    "memory of a child, MiB": (0.05, 2.0),
    "keys": (0.10, 50.0),
    "bytes for each row": (0.05, 10.0),
    "dead tuples": (0.20, 5000.0),
}
FEW = (0.0, 2.0)  # what is counted in ones: descriptors, threads, clients


@dataclass(frozen=True)
class Verdict:
    """What became of one measure; medians of the three thirds."""

    name: str
    first: float
    middle: float
    last: float
    grows: bool


def judge(samples: Sequence[Mapping[str, float]], warm_up: int) -> list[Verdict]:
    """Return a verdict for each measure; none when there are too few samples.

    Args:
        samples: In the order of time.
        warm_up: How many to leave out at least.
    """
    counted = samples[max(warm_up, round(len(samples) * WARM_UP)) :]
    if len(counted) < FEWEST:
        return []
    names = [name for name in counted[0] if all(name in each for each in counted)]
    return [_judge(name, [each[name] for each in counted]) for name in names]


def _judge(name: str, values: Sequence[float]) -> Verdict:
    third = len(values) // 3
    first, middle = median(values[:third]), median(values[third : 2 * third])
    last = median(values[-third:])
    share, number = ALLOWED.get(name.partition(": ")[2], FEW)
    # A step to a new level is no growth; what grows goes on doing so.
    goes_on = last > middle > first and median(values[-third // 2 :]) > middle
    return Verdict(name, first, middle, last, goes_on and last - first > first * share + number)
