"""The table for people and the JSON for programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from scripts.benchmarks.figures import Family, Series, Size, series
from scripts.benchmarks.machine import Machine
from scripts.benchmarks.rounds import Results

Row = tuple[str, str, str, str, str]

TITLES: Row = ("", "median", "min - max", "of bare", "goal")


@dataclass(frozen=True)
class Report:
    """All that a run has found out."""

    machine: Machine
    size: Size
    results: Results
    families: Sequence[Family]

    @property
    def found(self) -> list[Series]:
        """Every figure that has a value, in the order of the table."""
        figures = [figure for family in self.families for figure in family.figures]
        return [each for figure in figures if (each := series(figure, self.results.rounds))]

    def table(self) -> str:
        """Return what is printed for people."""
        rows = [TITLES, *map(_row, self.found)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        count = len(self.results.rounds)
        lines = _header(self.machine)
        lines += [f"{self.size.jobs:,} jobs, median of {count} rounds", ""]
        lines += [_line(row, widths) for row in rows]
        lines += [f"FAILED {name}: {why}" for name, why in self.results.failures.items()]
        return "\n".join(lines)

    def json(self) -> str:
        """Return what ``--json`` writes."""
        value = {
            "machine": self.machine,
            "jobs": self.size.jobs,
            "rounds": len(self.results.rounds),
            "figures": {each.figure.name: _entry(each) for each in self.found},
            "failures": self.results.failures,
        }
        return msgspec.json.format(msgspec.json.encode(value).decode())


def _entry(each: Series) -> dict[str, Any]:
    goal = each.figure.goal
    return {
        "what": each.figure.what,
        "unit": each.figure.unit,
        "median": each.median,
        "min": min(each.values),
        "max": max(each.values),
        "values": each.values,
        "of_bare": each.of_bare,
        "goal": None if goal is None else f"{goal.sign} {goal.bound:g}",
        "met": each.met,
    }


def _header(machine: Machine) -> list[str]:
    load = " ".join(f"{value:.2f}" for value in machine.load)
    lines = [
        f"{machine.product}, {machine.python}, {machine.loop}, {machine.client}",
        ", ".join(filter(None, (machine.redis, machine.postgres))),
        f"{machine.system}, {machine.cores} cores, {machine.processor}, load before {load}",
    ]
    if machine.busy:
        lines.append("OTHER PROGRAMS ARE BUSY HERE: these figures are noise")
    return lines


def _row(each: Series) -> Row:
    unit = each.figure.unit if each.figure.unit.startswith("/") else f" {each.figure.unit}"
    return (
        each.figure.what,
        f"{_number(each.median)}{unit}".rstrip(),
        f"{_number(min(each.values))} - {_number(max(each.values))}",
        "" if each.of_bare is None else f"{each.of_bare:.2f}",
        _goal(each),
    )


def _goal(each: Series) -> str:
    goal = each.figure.goal
    if goal is None:
        return ""
    sign = {">=": "≥", "<=": "≤"}.get(goal.sign, goal.sign)
    return f"{sign} {_number(goal.bound)} {'ok' if each.met else 'miss'}"


def _number(value: float) -> str:
    """Return three digits or more, and no more than tell something."""
    if value == int(value) or value >= 100:  # noqa: PLR2004 - three digits
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _line(row: Row, widths: Sequence[int]) -> str:
    cells = [row[0].ljust(widths[0])]
    cells += [cell.rjust(width) for cell, width in zip(row[1:4], widths[1:4], strict=True)]
    return "  ".join([*cells, row[4]]).rstrip()
