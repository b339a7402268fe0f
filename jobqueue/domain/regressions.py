"""Whether a name's jobs got worse: failures and durations before and after a moment.

A difference counts when it is both large enough to matter and too large for chance: more than
``CHANCE`` standard errors. Durations are judged without a model of them: if nothing changed, half
of the later runs are above the earlier median, and 5 in 100 above the earlier 95th percentile.
"""

import math
from typing import Literal

import msgspec

CHANCE = 3.0  # standard errors; of 1,000 names that did not change about one looks worse
MEDIAN, TAIL = 0.5, 0.05  # shares of the runs above the median, and above the 95th percentile

Verdict = Literal["worse", "same", "better", "too few runs", "new", "gone"]


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The runs of one name in one range of time.

    Args:
        runs: Runs that ended.
        failures: Of these, how many failed, timed out or were lost.
        timed: Runs that succeeded; the durations are theirs.
        p50: Half of them took at most this long, in seconds; ``None`` without any.
        p95: 95 of 100 took at most this long.
    """

    runs: int
    failures: int
    timed: int
    p50: float | None
    p95: float | None

    @property
    def failure_rate(self) -> float:
        """Failures for each run; 0 without runs."""
        return self.failures / self.runs if self.runs else 0.0


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What counts as worse.

    Args:
        runs: Fewest runs on each side.
        slower: Growth of a duration that matters; 0.2 is a fifth.
        failures: Growth of the failure rate that matters; 0.01 is one run in 100.
    """

    runs: int = 30
    slower: float = 0.2
    failures: float = 0.01


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One name before and after.

    Args:
        name: The name of the handler.
        before: Its runs before the moment.
        after: Its runs since.
        above_p50: Share of the later runs that took longer than the earlier median.
        above_p95: Share of the later runs that took longer than the earlier 95th percentile.
    """

    name: str
    before: Sample
    after: Sample
    above_p50: float | None
    above_p95: float | None


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison came to.

    Args:
        name: The name of the handler.
        verdict: ``worse`` when one of its figures is.
        worse: Which figures: ``failures``, ``p50``, ``p95``.
        better: Which figures got better.
        before: Its runs before the moment.
        after: Its runs since.
    """

    name: str
    verdict: Verdict
    worse: list[str]
    better: list[str]
    before: Sample
    after: Sample


def judge(compared: Comparison, bounds: Bounds) -> Judgement:
    """Say whether a name got worse."""
    before, after = compared.before, compared.after
    changes = _changes(compared, bounds)
    worse = [figure for figure, change in changes.items() if change > 0]
    better = [figure for figure, change in changes.items() if change < 0]
    return Judgement(
        name=compared.name,
        verdict=_verdict(before.runs, after.runs, bounds.runs, changes),
        worse=worse,
        better=better,
        before=before,
        after=after,
    )


def _verdict(before: int, after: int, least: int, changes: dict[str, int]) -> Verdict:
    if not before:
        return "new"
    if not after:
        return "gone"
    if any(change > 0 for change in changes.values()):
        return "worse"
    if min(before, after) < least:
        return "too few runs"
    return "better" if any(changes.values()) else "same"


def _changes(compared: Comparison, bounds: Bounds) -> dict[str, int]:
    """Return 1 for each figure that got worse, -1 for better, 0 for neither or unknown."""
    before, after = compared.before, compared.after
    changes = {"failures": 0, "p50": 0, "p95": 0}
    if min(before.runs, after.runs) >= bounds.runs:
        changes["failures"] = _failures(before, after, bounds.failures)
    if min(before.timed, after.timed) >= bounds.runs:
        size = 1 / before.timed + 1 / after.timed
        for figure, share, expected in (
            ("p50", compared.above_p50, MEDIAN),
            ("p95", compared.above_p95, TAIL),
        ):
            error = math.sqrt(expected * (1 - expected) * size)
            certain = _sign((share or 0.0) - expected, CHANCE * error)
            grown = _grown(getattr(before, figure), getattr(after, figure), bounds.slower)
            changes[figure] = certain if certain == grown else 0
    return changes


def _failures(before: Sample, after: Sample, matters: float) -> int:
    together = (before.failures + after.failures) / (before.runs + after.runs)
    error = math.sqrt(together * (1 - together) * (1 / before.runs + 1 / after.runs))
    return _sign(after.failure_rate - before.failure_rate, max(matters, CHANCE * error))


def _grown(before: float, after: float, matters: float) -> int:
    """Return 1 when a duration grew by that share, -1 when the way back would be as much."""
    if after > before * (1 + matters):
        return 1
    return -1 if before > after * (1 + matters) else 0


def _sign(difference: float, least: float) -> int:
    return (difference > least) - (difference < -least)
