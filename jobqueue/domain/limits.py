"""Limits: how many jobs run at once, or start within a time, over all workers.

A limit without ``by`` counts all jobs of its handler; with it each key counts apart.
Limits belong to a queue: jobs of one name in two queues are counted apart.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import msgspec

from jobqueue.domain.checks import checks_options, seconds
from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.keyed import By, KeyOf
from jobqueue.domain.suggest import shown

MOST_AT_ONCE = 1_000_000
Kind = Literal["limit", "rate"]


def whole_number(option: str, value: object) -> int:
    """Return a number of jobs.

    Raises:
        ConfigurationError: It is no whole number of at least 1, or too large.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_AT_ONCE:
        raise ConfigurationError(
            f"{option}: {shown(value)}; write a whole number from 1 to {MOST_AT_ONCE:,}"
        )
    return value


@dataclass(frozen=True, init=False)
class Limit:
    """At most ``n`` jobs at once.

    Args:
        n: Jobs that run at the same time, on all workers together.
        by: Count each key apart: names of arguments, or a function that gets the
            arguments by name and returns a key.

    Raises:
        ConfigurationError: ``n`` is no whole number of at least 1.
    """

    n: int
    key: KeyOf | None

    @checks_options("Limit")
    def __init__(self, n: int, *, by: By | None = None) -> None:
        object.__setattr__(self, "n", whole_number("limit", n))
        object.__setattr__(self, "key", None if by is None else KeyOf("limit by", by))

    kind: Kind = "limit"
    per_ms: int | None = None


@dataclass(frozen=True, init=False)
class Rate:
    """At most ``n`` starts within any ``per`` seconds.

    Args:
        n: Starts, on all workers together.
        per: The period, in seconds or as a ``timedelta``; any such window counts,
            not only those that begin on the clock.
        by: Count each key apart; see :class:`Limit`.

    Raises:
        ConfigurationError: ``n`` is no whole number of at least 1, or ``per`` no time.
    """

    n: int
    per_ms: int
    key: KeyOf | None

    @checks_options("Rate")
    def __init__(self, n: int, per: float | timedelta = 1.0, *, by: By | None = None) -> None:
        ms = round(seconds("rate per", per) * 1000)
        if ms < 1:
            raise ConfigurationError("rate per: write at least a millisecond")
        object.__setattr__(self, "n", whole_number("rate", n))
        object.__setattr__(self, "per_ms", ms)
        object.__setattr__(self, "key", None if by is None else KeyOf("rate by", by))

    kind: Kind = "rate"


class QueueLimits(msgspec.Struct, frozen=True):
    """What code declares for a whole queue; None where it declares nothing."""

    limit: Limit | None = None
    rate: Rate | None = None
    max_depth: int | None = None
    partitions: int | None = None


def labels_of(limits: Sequence[Limit | Rate], name: str) -> list[str]:
    """Return the names under which the limits of a handler are kept, shown and set.

    Those of the same kind and key are told apart by their place: ``rate:job:send#2``.
    """
    labels: list[str] = []
    seen: Counter[str] = Counter()
    for bound in limits:
        label = label_of(bound, name)
        seen[label] += 1
        labels.append(label if seen[label] == 1 else f"{label}#{seen[label]}")
    return labels


def label_of(bound: Limit | Rate, name: str | None) -> str:
    """Return what the label of a limit begins with.

    Args:
        bound: The limit.
        name: Name of its jobs; None for the whole queue.
    """
    if name is None:
        return f"{bound.kind}:queue"
    if bound.key is None:
        return f"{bound.kind}:job:{name}"
    return f"{bound.kind}:key:{name}:{bound.key.label}"
