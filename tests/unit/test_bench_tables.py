"""What the benchmarks make of their values: medians, goals, tables, JSON."""

import dataclasses
import json
from collections.abc import Collection
from pathlib import Path

import pytest
from msgspec.structs import replace

from scripts.benchmarks import reach, rounds
from scripts.benchmarks.figures import (
    FULL,
    GROWTH,
    HISTORY,
    NODES,
    QUICK,
    SCALE,
    Figure,
    Goal,
    Series,
    series,
)
from scripts.benchmarks.report import Report, Unreadable, read
from scripts.benchmarks.report import found as found_in
from scripts.benchmarks.text import aligned, number
from scripts.peers.harness.comparison import GOALS, of_best
from tests.support.measured import MACHINE

BARE = Figure("bare.drain", "bare limit", "/s")
DRAIN = Figure("drain", "drain", "/s", Goal(">=", 100), "bare.drain", Goal(">=", 0.5))
LATENCY = Figure("p99", "latency", "ms", Goal("<=", 1.6))


def report(*values: dict[str, float]) -> Report:
    """Return the report of some rounds."""
    series = found_in([BARE, DRAIN, LATENCY], values)
    return Report(MACHINE, QUICK, len(values), series, {"idle": "it ended"}, {"idle": 12})


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
    table = "\n".join(report({"bare.drain": 400, "drain": 120, "p99": 2.5}).table())
    assert "≥ 100 ok, ≥ 0.5 of bare miss" in table
    assert "≤ 1.6 miss" in table
    assert "0.30" in table
    assert "FAILED idle: it ended" in table


def test_the_json_has_every_value() -> None:
    """Programs read medians, ranges, single values and goals."""
    kept = json.loads(report({"p99": 1.0}, {"p99": 3.0}).json())
    assert kept["figures"]["p99"] == {
        "what": "latency",
        "unit": "ms",
        "median": 2.0,
        "min": 1.0,
        "max": 3.0,
        "values": [1.0, 3.0],
        "bare": None,
        "ratios": [],
        "of_bare": None,
        "goal": "<= 1.6",
        "share": None,
        "met": False,
    }
    assert kept["rounds"] == 2
    assert kept["failures"] == {"idle": "it ended"}
    assert kept["seconds"] == {"idle": 12}


def test_the_json_can_be_read_again(tmp_path: Path) -> None:
    """Values, ratios and goals are the same; of what two files have, the last one counts."""
    first = report({"bare.drain": 400, "drain": 120}, {"bare.drain": 100, "drain": 100})
    second = report({"p99": 2.5}, {"p99": 3.5}, {"drain": 7})
    files = [tmp_path / "one.json", tmp_path / "two.json"]
    for file, each in zip(files, (first, second), strict=True):
        file.write_text(each.json())
    assert read(files[:1]) == first
    both = read(files)
    assert both.medians == {"bare.drain": 250, "drain": 7, "p99": 3}
    assert both.rounds == 0, "it says nothing of rounds that differ"
    for other in (replace(MACHINE, processor="another"), replace(MACHINE, redis="another, TCP")):
        files[1].write_text(dataclasses.replace(first, machine=other).json())
        with pytest.raises(Unreadable, match=r"two\.json: measured on .*another"):
            read(files)
    (tmp_path / "no.json").write_text('{"figures": {}}')
    with pytest.raises(Unreadable, match=r"no\.json"):
        read([tmp_path / "no.json"])


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


def names(*only: str, parts: Collection[str] = ()) -> list[str]:
    """Return the families that are chosen."""
    return [each.name for each in rounds.chosen(only, parts)]


def test_what_is_chosen() -> None:
    """A plain run has nothing long; a part is measured alone; bare goes with its like."""
    assert {"drain", "threads", "half", "recorder"} <= set(names())
    assert not {"backlog", "cookbook", "growth-workers", "nodes"} & set(names())
    assert names("drain", "idle") == ["bare", "drain", "idle"]
    assert names("idle") == ["idle"]
    assert names(parts={HISTORY}) == ["cookbook"]
    assert names(parts={NODES}) == ["nodes"]
    assert all(name.startswith("growth-") for name in names(parts={GROWTH}))
    assert set(names(parts={SCALE})) == {"sustained", "backlog", "promotion", "queues"}


def test_estimates() -> None:
    """Everything fits an hour or two; small sizes take less, more rounds more."""
    families = rounds.chosen()
    full, quick = (rounds.estimate(families, size, 1) for size in (FULL, QUICK))
    assert 60 < full < 300
    assert quick < full / 2
    assert rounds.estimate(families, FULL, 3) == 3 * full


def test_every_goal_has_a_row() -> None:
    """What is to be reached is answered by figures that there are; no goal is left out."""
    figures = {each.name: each for family in rounds.FAMILIES.values() for each in family.figures}
    rivals = {of_best(key) for key in GOALS}
    answering = {name for row in reach.ROWS for name in row.figures}
    assert answering <= figures.keys() | rivals
    with_goals = {name for name, each in figures.items() if each.goal or each.share}
    # A goal of our own besides those: what an idle worker sends; and of history one for a page.
    assert with_goals | rivals <= answering | {"idle.commands", "history.one"}


def test_rows_of_goals() -> None:
    """A row is open until all its figures are there, and met when all goals are."""
    goal = Figure("drain.one", "drain", "/s", Goal(">=", 100), "bare.drain", Goal(">=", 0.5))
    one = Series(goal, [120, 140], [0.6, 0.7])
    rival = Series(Figure(of_best("drain"), "drained (rq)", "", Goal(">=", 1.8)), [1.5], [])
    open_row, *_, unknown = reach.cells(Report(MACHINE, QUICK, 2, [one]))
    measured = "130/s (120 - 140), 0.65 of bare (0.6 - 0.7)"
    assert open_row[1:] == (measured, "≥ 100, ≥ 0.5 of bare", "met so far")
    assert unknown[1:] == (reach.NOT_YET, "", "")
    missed, *_ = reach.cells(Report(MACHINE, QUICK, 2, [one, rival]))
    assert missed[1].endswith("1.50 times rq")
    assert missed[3] == "missed"
