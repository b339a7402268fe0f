"""What has changed since a run whose ``--json`` was kept.

A change counts when the ranges of both runs, all their values, lie apart; else it is noise.
Compare runs of one machine: where the bare limit has changed too, the machine has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from scripts.benchmarks.figures import Series
from scripts.benchmarks.report import Unreadable
from scripts.benchmarks.text import aligned, number

TITLES = ("", "before", "now", "ratio", "noise", "")
NOISE, MORE, LESS, FEW = "noise", "more", "less", "too few rounds"
ENOUGH = 2  # rounds that have a range
NAMED = 5  # figures of the earlier run that are not in this one


class Kept(msgspec.Struct):
    """A figure of the earlier run."""

    median: float
    values: list[float]


class Earlier(msgspec.Struct):
    """What ``--json`` wrote."""

    figures: dict[str, Kept]


@dataclass(frozen=True)
class Change:
    """One figure in both runs."""

    before: Sequence[float]
    now: Sequence[float]
    median_before: float
    median_now: float

    @property
    def ratio(self) -> float | None:
        """The new median by the old one."""
        return self.median_now / self.median_before if self.median_before else None

    @property
    def noise(self) -> float | None:
        """The wider range of both runs, by its median: a ratio this near to 1 says nothing."""
        runs = ((self.before, self.median_before), (self.now, self.median_now))
        widths = [(max(run) - min(run)) / median for run, median in runs if median]
        return max(widths) if widths and len(self.before) > 1 < len(self.now) else None

    @property
    def verdict(self) -> str:
        """Whether there is more or less of it now, or nothing to be said."""
        if min(len(self.before), len(self.now)) < ENOUGH:
            return FEW
        if min(self.now) > max(self.before):
            return MORE
        return LESS if max(self.now) < min(self.before) else NOISE


def read(file: Path) -> Earlier:
    """Return the run that a file holds.

    Raises:
        Unreadable: It holds none.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=Earlier)
    except (OSError, msgspec.MsgspecError) as error:
        raise Unreadable(f"{file}: {error}") from error


def lines(earlier: Earlier, found: Sequence[Series]) -> list[str]:
    """Return the table of what both runs have, and what only the earlier one has."""
    rows = [
        _row(each, Change(old.values, each.values, old.median, each.median))
        for each in found
        if (old := earlier.figures.get(each.figure.name))
    ]
    names = {each.figure.name for each in found}
    gone = sorted(earlier.figures.keys() - names)
    named = ", ".join(gone[:NAMED]) + (f" and {len(gone) - NAMED} more" if gone[NAMED:] else "")
    text = aligned([TITLES, *rows], left=1, last_left=True)
    return text + ([f"not measured now: {named}"] if gone else [])


def _row(each: Series, change: Change) -> tuple[str, ...]:
    return (
        each.figure.what,
        number(change.median_before),
        number(change.median_now),
        "" if change.ratio is None else f"{change.ratio:.2f}",
        "" if change.noise is None else f"±{change.noise:.0%}",
        change.verdict,
    )
