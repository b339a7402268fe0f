"""Small parts of the benchmarks that a wrong figure could hide in."""

from typing import Any

import pytest

from scripts.benchmarks import cookbook
from scripts.benchmarks.figures import QUICK, Broken
from scripts.benchmarks.growth import AXES, Axis
from scripts.benchmarks.latency import percentile
from scripts.benchmarks.usage import Usage
from scripts.benchmarks.waiting import until
from scripts.benchmarks.workload import Plan


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([1], 99, 1), ([1, 2], 50, 1), (list(range(1, 101)), 99, 99), (list(range(1, 102)), 99, 100)],
)
def test_percentiles(values: list[int], percent: int, expected: int) -> None:
    """The lowest value that so many do not exceed: never between two, never below."""
    assert percentile(values, percent) == expected


def test_usage_is_what_was_spent_between() -> None:
    """Scripts, commands and round trips are told apart; INFO is ours."""

    def info(calls: int) -> dict[str, Any]:
        return {
            "used_cpu_user": calls / 10,
            "used_cpu_sys": 0.0,
            "total_reads_processed": calls * 3,
            "cmdstat_evalsha": {"calls": calls},
            "cmdstat_xadd": {"calls": calls * 2},
            "cmdstat_info": {"calls": 7},
        }

    spent = sum([Usage.of(info(30)), Usage.of(info(0))], start=Usage.NOTHING) - Usage.of(info(10))
    assert (spent.calls, spent.commands, spent.trips) == (20, 60, 60)
    assert spent.cpu == pytest.approx(2)


def test_the_cookbook_has_all_queries() -> None:
    """Each numbered query of the page is asked, without its semicolon."""
    queries = cookbook.queries()
    assert list(queries) == list(range(1, len(queries) + 1))
    assert len(queries) >= 10
    assert all(query.startswith("SELECT") and ";" not in query for query in queries.values())
    assert cookbook.SAMPLE in queries[1]


def test_scans() -> None:
    """A partition that is read whole is found below other nodes; an empty one does not count."""

    def scan(table: str, rows: int, removed: int = 0) -> dict[str, Any]:
        return {
            "Node Type": "Seq Scan",
            "Relation Name": table,
            "Actual Rows": rows,
            "Rows Removed by Filter": removed,
        }

    parts = [
        scan("job_executions_2026_01", 0),
        scan("job_executions_2026_02", 0, removed=5),
        scan("generate_series", 9),
        {"Node Type": "Index Scan", "Relation Name": "job_executions_2026_03", "Actual Rows": 3},
    ]
    plan = {"Node Type": "Sort", "Plans": [{"Node Type": "Append", "Plans": parts}]}
    assert cookbook.scans(plan) == {"job_executions_2026_02"}


@pytest.mark.parametrize("axis", AXES, ids=lambda axis: axis.name)
def test_points_of_an_axis(axis: Axis) -> None:
    """Points grow, and every one has jobs to run."""
    assert list(axis.points) == sorted(set(axis.points))
    assert all(axis.load(point, QUICK).jobs >= 100 for point in axis.points)


def test_where_jobs_are() -> None:
    """The broker's names of queues and partitions are those that counts are read from."""
    assert Plan().stored == ["default"]
    assert Plan(queues=2).stored == ["q0", "q1"]
    assert Plan(partitions=2).stored == ["default#0", "default#1"]


async def test_waiting_ends() -> None:
    """Who waits asks at once, then again, and hears what is wrong when the time is over."""
    answers = iter([False, False, True])

    async def third() -> bool:
        return next(answers)

    async def never() -> bool:
        return False

    assert await until(third, 10, lambda: "", poll=0) == 3
    with pytest.raises(Broken, match="nothing came in 0 s"):
        await until(never, 0, lambda: "nothing came", poll=0)
