"""What counts as worse: changes that matter, and that chance does not make."""

from typing import Any

import pytest

from jobqueue.domain.regressions import Bounds, Comparison, Sample, judge

BOUNDS = Bounds()


def sample(runs: int = 1000, failures: int = 0, p50: float = 0.1, p95: float = 0.4) -> Sample:
    """Return a sample whose runs succeeded but for the failures."""
    return Sample(runs=runs, failures=failures, timed=runs - failures, p50=p50, p95=p95)


def compared(
    before: Sample, after: Sample, above_p50: float = 0.5, above_p95: float = 0.05
) -> Comparison:
    """Return a comparison; by default of durations that did not change."""
    return Comparison(
        name="a", before=before, after=after, above_p50=above_p50, above_p95=above_p95
    )


@pytest.mark.parametrize(
    ("given", "verdict", "worse", "better"),
    [
        (compared(sample(), sample()), "same", [], []),
        # 30 of 1,000 more: beyond chance, and above one in 100.
        (compared(sample(), sample(failures=30)), "worse", ["failures"], []),
        (compared(sample(failures=30), sample()), "better", [], ["failures"]),
        # Half a per cent of very many is no chance, but does not matter.
        (compared(sample(100_000), sample(100_000, failures=500)), "same", [], []),
        # 2 of 50 may be chance.
        (compared(sample(50), sample(50, failures=2)), "same", [], []),
        (compared(sample(), sample(p50=0.15), above_p50=0.8), "worse", ["p50"], []),
        (compared(sample(), sample(p50=0.05), above_p50=0.2), "better", [], ["p50"]),
        (compared(sample(), sample(p95=0.9), above_p95=0.12), "worse", ["p95"], []),
        # Surely slower, but by a tenth only.
        (compared(sample(), sample(p50=0.11), above_p50=0.6), "same", [], []),
        # Half as slow again, but of runs so few that it may be chance.
        (compared(sample(40), sample(40, p50=0.15), above_p50=0.6), "same", [], []),
        (compared(sample(), sample(10, failures=10)), "too few runs", [], []),
        (compared(sample(0), sample()), "new", [], []),
        (compared(sample(), sample(0)), "gone", [], []),
    ],
)
def test_verdicts(given: Comparison, verdict: str, worse: list[str], better: list[str]) -> None:
    """Each kind of change is told from chance, and from what does not matter."""
    judged = judge(given, BOUNDS)
    assert (judged.verdict, judged.worse, judged.better) == (verdict, worse, better)


def test_a_figure_that_got_better_hides_none_that_got_worse() -> None:
    """Faster jobs that fail are worse."""
    given = compared(sample(), sample(failures=100, p50=0.05), above_p50=0.1)
    judged = judge(given, BOUNDS)
    assert (judged.verdict, judged.worse, judged.better) == ("worse", ["failures"], ["p50"])


@pytest.mark.parametrize("bounds", [Bounds(slower=1.0), Bounds(runs=2000)])
def test_bounds(bounds: Bounds) -> None:
    """Who wants to hear of less says so."""
    given = compared(sample(), sample(p50=0.15), above_p50=0.8)
    assert judge(given, bounds).worse == []


def test_runs_that_all_failed() -> None:
    """Without a run that succeeded there is no duration to compare."""
    nothing: dict[str, Any] = {"timed": 0, "p50": None, "p95": None}
    after = Sample(runs=100, failures=100, **nothing)
    given = Comparison(name="a", before=sample(), after=after, above_p50=None, above_p95=None)
    assert judge(given, BOUNDS).worse == ["failures"]
