"""Whose turn it is: strict order and weights, without a server."""

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from jobqueue.worker.queues import Strict, Weighted

WEIGHTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 20), min_size=2)


def test_strict() -> None:
    """The order is as it was written, whatever has been taken."""
    order = Strict([["b"], ["a"]])
    order.took("b", 100, more=True)
    assert order.round() == order.names == ("b", "a")


@given(weights=WEIGHTS, slots=st.integers(1, 5), seed=st.integers(0, 1000))
def test_shares(weights: dict[str, int], slots: int, seed: int) -> None:
    """While all have jobs, each gets its share of them, give or take a few fetches."""
    order, had, rng = Weighted(weights), Counter[str](), Random(seed)
    for _ in range(2000):
        queue, jobs = order.round()[0], rng.randint(1, slots)
        had[queue] += jobs
        order.took(queue, jobs, more=True)
    total, whole = had.total(), sum(weights.values())
    for queue, weight in weights.items():
        assert abs(had[queue] - total * weight / whole) <= 2 * slots * len(weights)


@given(weights=WEIGHTS, idle=st.integers(1, 1000))
def test_nothing_is_saved_up(weights: dict[str, int], idle: int) -> None:
    """A queue that was empty begins where the others are."""
    order, had = Weighted(weights), Counter[str]()
    sleeper, *others = order.names
    for _ in range(idle):
        queue = next(name for name in order.round() if name != sleeper)
        order.took(queue, 1, more=True)
    rounds = 100
    for _ in range(rounds):
        queue = order.round()[0]
        had[queue] += 1
        order.took(queue, 1, more=True)
    share = rounds * weights[sleeper] / sum(weights.values())
    assert had[sleeper] <= share + 2 * len(weights)
    assert all(had[name] or weights[name] * rounds < sum(weights.values()) for name in others)
