"""What the benchmarks make of their values: medians, goals, tables, JSON."""

import json

import pytest

from scripts.benchmarks import rounds
from scripts.benchmarks.figures import QUICK, Figure, Goal, Series, series
from scripts.benchmarks.machine import Machine
from scripts.benchmarks.report import Report
from scripts.benchmarks.text import aligned, number

BARE = Figure("bare.drain", "bare limit", "/s")
DRAIN = Figure("drain", "drain", "/s", Goal(">=", 100), "bare.drain", Goal(">=", 0.5))
LATENCY = Figure("p99", "latency", "ms", Goal("<=", 1.6))
MACHINE = Machine(
    product="jobqueue",
    python="CPython",
    loop="uvloop",
    client="redis-py",
    redis="Valkey",
    postgres=None,
    system="Linux",
    processor="some",
    cores=2,
    load=(0.0, 0.0, 0.0),
)


def report(*values: dict[str, float]) -> Report:
    """Return the report of some rounds."""
    return Report(MACHINE, QUICK, [BARE, DRAIN, LATENCY], values, {"idle": "it ended"})


def found(figure: Figure, *values: dict[str, float]) -> Series:
    """Return the values of a figure that has some."""
    each = series(figure, values)
    assert each
    return each


def test_medians_and_ratios_are_those_of_rounds() -> None:
    """A ratio is made within a round, and their median is taken, not that of two medians."""
    each = found(
        DRAIN,
        {"drain": 100, "bare.drain": 400},
        {"drain": 300, "bare.drain": 400},
        {"drain": 200, "bare.drain": 200},
    )
    assert (each.median, each.of_bare) == (200, 0.75)
    assert each.met is True


def test_a_round_without_a_value() -> None:
    """What failed in one round has the values of the others; a figure of no round has none."""
    assert found(DRAIN, {"drain": 100}, {}).values == [100]
    assert series(LATENCY, [{"drain": 1.0}]) is None


@pytest.mark.parametrize(
    ("drain", "bare", "met"), [(100, 150, True), (99, 100, False), (200, 500, False)]
)
def test_both_goals_are_to_be_met(drain: float, bare: float, met: bool) -> None:
    """A figure with a goal and a share of the bare limit meets both, or none."""
    assert found(DRAIN, {"drain": drain, "bare.drain": bare}).met is met


def test_the_table_says_what_is_met_and_what_failed() -> None:
    """Goals, misses and failures are told apart."""
    table = report({"bare.drain": 400, "drain": 120, "p99": 2.5}).table()
    assert "≥ 100 ok, ≥ 0.5 of bare miss" in table
    assert "≤ 1.6 miss" in table
    assert "0.30" in table
    assert "FAILED idle: it ended" in table


def test_the_json_has_every_value() -> None:
    """Programs read medians, ranges, single values and goals."""
    read = json.loads(report({"p99": 1.0}, {"p99": 3.0}).json())
    assert read["figures"]["p99"] == {
        "what": "latency",
        "unit": "ms",
        "median": 2.0,
        "min": 1.0,
        "max": 3.0,
        "values": [1.0, 3.0],
        "of_bare": None,
        "goal": "<= 1.6",
        "share": None,
        "met": False,
    }
    assert read["rounds"] == 2
    assert read["failures"] == {"idle": "it ended"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0456, "0.0456"),
        (1.234, "1.23"),
        (99.96, "100"),
        (123.4, "123"),
        (1e6, "1,000,000"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    """Three digits, commas, no powers of ten."""
    assert number(value) == text


def test_columns() -> None:
    """Words begin at the left, numbers end at the right."""
    lines = aligned([("a", "1", "x"), ("bcd", "100", "yz")], left=1, last_left=True)
    assert lines == ["a      1  x", "bcd  100  yz"]


def test_names_of_families_and_figures_are_unique() -> None:
    """Figures of all families can lie in one JSON file; each belongs to the family measured."""
    names = [figure.name for family in rounds.FAMILIES.values() for figure in family.figures]
    assert len(names) == len(set(names))
    known = set(names)
    assert {f.bare for e in rounds.FAMILIES.values() for f in e.figures if f.bare} <= known


def test_what_is_chosen() -> None:
    """A plain run has nothing long; a flag asks for that alone; bare goes with its like."""

    def names(*only: str, scale: bool = False, grown: bool = False, rows: int = 0) -> list[str]:
        return [each.name for each in rounds.chosen(only, scale=scale, grown=grown, rows=rows)]

    assert {"drain", "threads", "half", "recorder"} <= set(names())
    assert not {"backlog", "cookbook", "growth-workers"} & set(names())
    assert names("drain", "idle") == ["bare", "drain", "idle"]
    assert names("idle") == ["idle"]
    assert names(rows=1000) == ["cookbook"]
    assert all(name.startswith("growth-") for name in names(grown=True))
    assert {"sustained", "backlog", "promotion", "queues"} == set(names(scale=True))
