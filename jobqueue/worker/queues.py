"""In which order a round of fetching asks the queues, and how many jobs of each."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class QueueOrder(Protocol):
    """The queues of one worker; a partition is one too."""

    @property
    def names(self) -> Sequence[str]:
        """All of them."""

    def round(self) -> Sequence[str]:
        """Return the queues in the order of the next round."""

    def took(self, queue: str, jobs: int, *, more: bool) -> None:
        """Hear what a fetch brought, and whether the queue may have more."""


class Strict:
    """Each queue comes before the next, as somebody wrote them; partitions of one take turns.

    Args:
        queues: The partitions of each queue, or itself alone.
    """

    def __init__(self, queues: Sequence[Sequence[str]]) -> None:
        self.names = tuple(name for names in queues for name in names)
        self._ranks = [Weighted(dict.fromkeys(names, 1)) for names in queues]
        self._rank_of = {name: rank for rank in self._ranks for name in rank.names}

    def round(self) -> Sequence[str]:
        """Return the queues as they were written."""
        return tuple(name for rank in self._ranks for name in rank.round())

    def took(self, queue: str, jobs: int, *, more: bool) -> None:
        """Count what a partition has had."""
        self._rank_of[queue].took(queue, jobs, more=more)


class Weighted:
    """Queues share the worker by weight while they have jobs; equal weights take turns.

    The queue that has had the least for its weight comes first (weighted fair queueing). One
    that was empty does not save up what it did not use.

    Args:
        weights: By queue; above 0.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        self.names = tuple(weights)
        self._weights = weights
        self._had = dict.fromkeys(weights, 0.0)  # jobs for one unit of weight
        self._now = 0.0  # what the queues that have jobs have had

    def round(self) -> Sequence[str]:
        """Return the queues, the one that has had least first."""
        return sorted(self.names, key=lambda name: self._had[name])

    def took(self, queue: str, jobs: int, *, more: bool) -> None:
        """Count what a queue has had."""
        # A queue that slept begins where the others are.
        begin = max(self._had[queue], self._now)
        if more:
            self._now = max(self._now, self._had[queue])
        # An empty answer counts too, a little: so that equals take turns at being asked first.
        self._had[queue] = begin + max(jobs, 1e-3) / self._weights[queue]
