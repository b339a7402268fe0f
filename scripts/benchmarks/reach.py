"""What the library is to reach, row by row, and how far a run has shown it.

The goals themselves stand beside the figures that they are for; here is only which figures
answer which row. A row is met when all goals of its figures are, and open while one of them has
not been measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.benchmarks import restrained
from scripts.benchmarks.figures import Series
from scripts.benchmarks.report import Report
from scripts.benchmarks.text import aligned, bound, number, with_unit
from scripts.peers.harness.comparison import of_best

TITLES = ("what", "measured", "goal", "")
NOT_YET, MET, MISSED = "not measured", "met", "missed"


@dataclass(frozen=True)
class Row:
    """One row of the goals.

    Args:
        what: In words.
        figures: That answer it; the first is what is measured, others are its ratios.
    """

    what: str
    figures: tuple[str, ...]


ROWS = (
    Row("drain, one worker process, async no-op, journal on", ("drain.one", of_best("drain"))),
    Row("drain, sync handlers in threads", ("threads.one",)),
    Row("drain while every row arrives in PostgreSQL, a great many jobs", ("sustained.one",)),
    Row("recorder alone, rows", ("recorder.rows",)),
    Row("enqueue in bulk", ("enqueue.bulk",)),
    Row("enqueue, 100 at once", ("enqueue.gather", of_best("hundred"))),
    Row("enqueue one by one", ("enqueue.one",)),
    Row("enqueue one by one, blocking", ("enqueue.one_sync",)),
    Row("latency at 50 jobs/s, median", ("latency.p50", of_best("p50"))),
    Row("latency at 50 jobs/s, p99", ("latency.p99", of_best("p99"))),
    Row("latency at half of full load, p99", ("latency.half_p99",)),
    Row("CPU of the worker, a job", ("drain.worker_cpu",)),
    Row("CPU of Redis, a job", ("drain.redis_cpu",)),
    Row("round trips, a job", ("drain.trips",)),
    Row("memory of Redis, a waiting job with 100 bytes of arguments", ("memory.waiting",)),
    Row("memory of an idle worker", ("footprint.idle",)),
    Row("memory of a worker with 100 jobs in flight", ("footprint.busy",)),
    Row("`import jobqueue`", ("startup.import",)),
    Row("a long backlog: drain, of that of 10,000", ("backlog.ratio",)),
    Row("scheduled jobs that are due at once: promotion", ("promotion.rate",)),
    Row("CPU of a worker idle in 200 queues", ("queues.cpu",)),
    Row("history: cookbook queries that read a partition whole", ("cookbook.scans",)),
    Row("history: drop a month", ("cookbook.drop",)),
    *(
        Row(f"{what} with {words}", (f"restrained.{kind}{figure}",))
        for kind, words in restrained.KINDS.items()
        for what, figure in (("enqueue in bulk", ".bulk"), ("drain", ""))
    ),
)


def cells(report: Report) -> list[tuple[str, ...]]:
    """Return the table: what, measured, goal, verdict."""
    found = {each.figure.name: each for each in report.found}
    return [_cells(row, found) for row in ROWS]


def _cells(row: Row, found: Mapping[str, Series]) -> tuple[str, ...]:
    having = [found[name] for name in row.figures if name in found]
    if not having:
        return row.what, NOT_YET, "", ""
    measured = ", ".join(_measured(each) for each in having)
    goals = ", ".join(goal for each in having for goal in _goals(each))
    return row.what, measured, goals, _verdict(row, having)


def _verdict(row: Row, having: Sequence[Series]) -> str:
    if not all(each.met for each in having):
        return MISSED
    return MET if len(having) == len(row.figures) else "met so far"


def _measured(each: Series) -> str:
    if _is_ratio(each):
        return f"{each.median:.2f} times {_rival(each)}{_range(each.values)}"
    text = with_unit(each.median, each.figure.unit) + _range(each.values)
    if each.of_bare is None:
        return text
    return f"{text}, {each.of_bare:.2f} of bare{_range(each.ratios)}"


def _range(values: Sequence[float]) -> str:
    """Return the least and the greatest value of all rounds, if there are several."""
    return f" ({number(min(values))} - {number(max(values))})" if len(values) > 1 else ""


def _goals(each: Series) -> list[str]:
    whose = " of best peer" if _is_ratio(each) else ""
    return [
        f"{bound(goal)}{' of bare' if goal is each.figure.share else whose}"
        for goal, _ in each.goals
    ]


def _is_ratio(each: Series) -> bool:
    return each.figure.name.endswith(".of_best")


def _rival(each: Series) -> str:
    return each.figure.what.rpartition("(")[2].removesuffix(")")


def lines(report: Report) -> list[str]:
    """Return the table for people."""
    return aligned([TITLES, *cells(report)], left=4)
