"""What is measured: figures with their units and goals, and the families that measure them."""

import operator
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self

from scripts.benchmarks.stage import Stage

_MEETS = {">=": operator.ge, "<=": operator.le, "<": operator.lt}


class Broken(Exception):
    """A measurement that did not end, or whose accounting is wrong; the message says why."""


@dataclass(frozen=True)
class Goal:
    """A bound that a median shall keep: ``sign`` is ``>=``, ``<=`` or ``<``."""

    sign: str
    bound: float

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the goal that ``str`` wrote."""
        sign, bound = text.split()
        return cls(sign, float(bound))

    def __str__(self) -> str:
        return f"{self.sign} {self.bound:g}"

    def met(self, value: float) -> bool:
        """Tell whether ``value`` keeps the bound."""
        return bool(_MEETS[self.sign](value, self.bound))


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Args:
        name: Its key in the JSON, such as ``drain.one``.
        what: What people read.
        unit: Of the values.
        goal: What the median should be.
        bare: Name of the figure of the bare loop that it is compared with.
        share: What the median ratio to the bare loop should be.
    """

    name: str
    what: str
    unit: str
    goal: Goal | None = None
    bare: str | None = None
    share: Goal | None = None


PARTS = {
    "producer": "the producer",
    "worker": "the worker",
    "redis": "Redis",
    "scheduler": "the scheduler",
    "recorder": "the recorder",
    "postgres": "PostgreSQL",
}


def cpu(start: str, *parts: str, of: str = "a job") -> tuple[Figure, ...]:
    """Return ``<start>.<part>_cpu`` for some parts: the CPU that each spends on one job or row."""
    return tuple(
        Figure(f"{start}.{part}_cpu", f"… CPU of {PARTS[part]}, {of}", "µs") for part in parts
    )


@dataclass(frozen=True)
class Size:
    """How much is done for a figure.

    Args:
        jobs: Of most figures.
        seconds: Of what is watched for a time.
        many: Jobs where it is their great number that counts.
        rows: Of history for the cookbook's queries.
    """

    jobs: int
    seconds: float
    many: int
    rows: int = 0


FULL = Size(jobs=100_000, seconds=8, many=1_000_000)
QUICK = Size(jobs=10_000, seconds=4, many=50_000)

Values = dict[str, float]

USUAL, SCALE, GROWTH, NODES, HISTORY = "usual", "scale", "growth", "nodes", "history"
"""The parts of the benchmarks; a family belongs to one."""


@dataclass(frozen=True)
class Family:
    """Figures that are measured together.

    Args:
        name: What ``--only`` calls it.
        figures: What ``measure`` returns values for.
        measure: Measures once, on an emptied stage.
        seconds: That a round takes, about, at full size; of history, for a million rows.
        part: Of the benchmarks: only ``USUAL`` is measured unless another one is asked for.
        history: Whether it needs PostgreSQL.
    """

    name: str
    figures: Sequence[Figure]
    measure: Callable[[Stage, Size], Awaitable[Values]]
    seconds: float
    part: str = USUAL
    history: bool = False


@dataclass(frozen=True)
class Series:
    """The values of one figure over all rounds, never empty."""

    figure: Figure
    values: Sequence[float]
    ratios: Sequence[float]

    @property
    def median(self) -> float:
        """The value that counts."""
        return median(self.values)

    @property
    def of_bare(self) -> float | None:
        """The median of each round's ratio to the bare loop."""
        return median(self.ratios) if self.ratios else None

    @property
    def goals(self) -> list[tuple[Goal, float]]:
        """The goals, each with the value that shall meet it."""
        both = [(self.figure.goal, self.median), (self.figure.share, self.of_bare)]
        return [(goal, value) for goal, value in both if goal and value is not None]

    @property
    def met(self) -> bool | None:
        """Whether all goals are met; None without one."""
        return all(goal.met(value) for goal, value in self.goals) if self.goals else None


def series(figure: Figure, rounds: Sequence[Mapping[str, float]]) -> Series | None:
    """Return the values of ``figure``, or None if no round has one."""
    having = [values for values in rounds if figure.name in values]
    if not having:
        return None
    ratios = [
        values[figure.name] / values[figure.bare]
        for values in having
        if figure.bare is not None and figure.bare in values
    ]
    return Series(figure, [values[figure.name] for values in having], ratios)
