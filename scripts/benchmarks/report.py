"""The table for people and the JSON for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from scripts.benchmarks.figures import Figure, Goal, Series, Size, series
from scripts.benchmarks.machine import Machine
from scripts.benchmarks.text import aligned, number

TITLES = ("", "median", "min - max", "of bare", "goal")


@dataclass(frozen=True)
class Report:
    """All that a run has found out.

    Args:
        machine: Where it ran.
        size: How much was done.
        figures: In the order of the table.
        rounds: Values by figure, for each round.
        failures: Why something has no values, by its name.
    """

    machine: Machine
    size: Size
    figures: Sequence[Figure]
    rounds: Sequence[Mapping[str, float]]
    failures: Mapping[str, str]

    @property
    def found(self) -> list[Series]:
        """Every figure that has a value, in the order of the table."""
        return [each for figure in self.figures if (each := series(figure, self.rounds))]

    def header(self) -> list[str]:
        """Return what was run, and on what."""
        size, count = self.size, len(self.rounds)
        effort = f"{size.jobs:,} jobs ({size.many:,} where they are many), median of {count} rounds"
        return [*_header(self.machine), effort]

    def table(self) -> str:
        """Return what is printed for people."""
        rows = [TITLES, *map(_row, self.found)]
        lines = [*self.header(), "", *aligned(rows, left=1, last_left=True)]
        lines += [f"FAILED {name}: {why}" for name, why in self.failures.items()]
        return "\n".join(lines)

    def json(self) -> str:
        """Return what ``--json`` writes."""
        value = {
            "machine": self.machine,
            "size": self.size,
            "rounds": len(self.rounds),
            "figures": {each.figure.name: _entry(each) for each in self.found},
            "failures": self.failures,
        }
        return msgspec.json.format(msgspec.json.encode(value).decode())


def _entry(each: Series) -> dict[str, Any]:
    return {
        "what": each.figure.what,
        "unit": each.figure.unit,
        "median": each.median,
        "min": min(each.values),
        "max": max(each.values),
        "values": each.values,
        "of_bare": each.of_bare,
        "goal": _bound(each.figure.goal),
        "share": _bound(each.figure.share),
        "met": each.met,
    }


def _bound(goal: Goal | None) -> str | None:
    return None if goal is None else f"{goal.sign} {goal.bound:g}"


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


def _row(each: Series) -> tuple[str, ...]:
    unit = each.figure.unit if each.figure.unit.startswith("/") else f" {each.figure.unit}"
    return (
        each.figure.what,
        f"{number(each.median)}{unit}".rstrip(),
        f"{number(min(each.values))} - {number(max(each.values))}",
        "" if each.of_bare is None else f"{each.of_bare:.2f}",
        _goals(each),
    )


def _goals(each: Series) -> str:
    """Say of each goal whether it is met; of two, the second is the share of the bare loop."""
    signs = {">=": "≥", "<=": "≤"}
    return ", ".join(
        f"{signs.get(goal.sign, goal.sign)} {number(goal.bound)}"
        f"{' of bare' if goal is each.figure.share else ''} {'ok' if goal.met(value) else 'miss'}"
        for goal, value in each.goals
    )
