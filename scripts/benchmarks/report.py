"""What a run has found out: the table for people and the JSON for programs, which is read again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import msgspec

from jobqueue import JobQueueError
from scripts.benchmarks.figures import Figure, Goal, Series, Size, Values, series
from scripts.benchmarks.machine import Machine
from scripts.benchmarks.profile import Profile
from scripts.benchmarks.text import aligned, bound, number, with_unit

TITLES = ("", "median", "min - max", "of bare", "goal")


class Unreadable(JobQueueError):
    """The file is not what ``--json`` writes; the message says what is wrong."""


class Peer(msgspec.Struct):
    """Another queue of the same run, or ours: its version and its settings in words."""

    name: str
    version: str
    choices: str


class Entry(msgspec.Struct):
    """A figure in the JSON; goals as ``>= 1.5``."""

    what: str
    unit: str
    median: float
    min: float
    max: float
    values: list[float]
    bare: str | None
    ratios: list[float]
    of_bare: float | None
    goal: str | None
    share: str | None
    met: bool | None


class Document(msgspec.Struct):
    """What ``--json`` writes."""

    machine: Machine
    size: Size
    rounds: int
    figures: dict[str, Entry]
    failures: dict[str, str]
    seconds: dict[str, int] = {}
    peers: list[Peer] = []
    profiles: list[Profile] = []


@dataclass(frozen=True)
class Report:
    """All that a run has found out.

    Args:
        machine: Where it ran.
        size: How much was done.
        rounds: How often; 0 where runs of several lengths are joined.
        found: Every figure that has a value, in the order of the table.
        failures: Why something has no values, by its name.
        seconds: How long each family took, by its name.
        peers: Whom we were compared with, and ourselves.
        profiles: Where the time of jobs went.
    """

    machine: Machine
    size: Size
    rounds: int = 0
    found: Sequence[Series] = field(default_factory=list)
    failures: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, int] = field(default_factory=dict)
    peers: Sequence[Peer] = field(default_factory=list)
    profiles: Sequence[Profile] = field(default_factory=list)

    @property
    def medians(self) -> Values:
        """The value that counts of every figure."""
        return {each.figure.name: each.median for each in self.found}

    def header(self) -> list[str]:
        """Return what was run, and on what."""
        size, count = self.size, self.rounds
        told = f"median of {count} rounds" if count else "medians"
        effort = f"{size.jobs:,} jobs ({size.many:,} where they are many), {told}"
        return [*_header(self.machine), effort]

    def table(self) -> list[str]:
        """Return every figure with its goals, and what failed."""
        rows = [TITLES, *map(_row, self.found)] if self.found else []
        lines = aligned(rows, left=1, last_left=True) if rows else []
        return lines + [f"FAILED {name}: {why}" for name, why in self.failures.items()]

    def json(self) -> str:
        """Return what ``--json`` writes."""
        document = Document(
            self.machine,
            self.size,
            self.rounds,
            {each.figure.name: _entry(each) for each in self.found},
            dict(self.failures),
            dict(self.seconds),
            list(self.peers),
            list(self.profiles),
        )
        return msgspec.json.format(msgspec.json.encode(document).decode())

    def joined(self, other: Self) -> Self:
        """Return both runs as one; what both have is taken from the other one."""
        names = {each.figure.name for each in other.found}
        mended = {name: why for name, why in self.failures.items() if name not in other.seconds}
        return replace(
            self,
            machine=self.machine if self.machine.postgres else other.machine,
            rounds=self.rounds if self.rounds == other.rounds else 0,
            found=[*(each for each in self.found if each.figure.name not in names), *other.found],
            failures={**mended, **other.failures},
            seconds={**self.seconds, **other.seconds},
            peers=other.peers or self.peers,
            profiles=other.profiles or self.profiles,
        )


def found(figures: Sequence[Figure], rounds: Sequence[Mapping[str, float]]) -> list[Series]:
    """Return every figure that has a value in some round, in their order."""
    return [each for figure in figures if (each := series(figure, rounds))]


def read(files: Sequence[Path]) -> Report:
    """Return what earlier runs have found out, as one; of what several have, the last counts.

    Raises:
        Unreadable: A file holds no run, or one of another machine or Redis than the first.
    """
    first, *others = map(_read, files)
    for file, other in zip(files[1:], others, strict=True):
        if _place(other.machine) != _place(first.machine):
            places = f"{_place(other.machine)}, {files[0]} on {_place(first.machine)}"
            raise Unreadable(f"{file}: measured on {places}")
        first = first.joined(other)
    return first


def _place(machine: Machine) -> str:
    """Return the processor and the Redis; how it is reached may differ."""
    return f"{machine.processor} with {machine.redis.partition(', ')[0]}"


def _read(file: Path) -> Report:
    try:
        kept = msgspec.json.decode(file.read_bytes(), type=Document)
    except (OSError, msgspec.MsgspecError) as error:
        raise Unreadable(f"{file}: {error}") from error
    return Report(
        kept.machine,
        kept.size,
        kept.rounds,
        [_series(name, entry) for name, entry in kept.figures.items()],
        kept.failures,
        kept.seconds,
        kept.peers,
        kept.profiles,
    )


def _entry(each: Series) -> Entry:
    figure = each.figure
    return Entry(
        figure.what,
        figure.unit,
        each.median,
        min(each.values),
        max(each.values),
        list(each.values),
        figure.bare,
        list(each.ratios),
        each.of_bare,
        str(figure.goal) if figure.goal else None,
        str(figure.share) if figure.share else None,
        each.met,
    )


def _series(name: str, entry: Entry) -> Series:
    goal, share = (Goal.read(text) if text else None for text in (entry.goal, entry.share))
    figure = Figure(name, entry.what, entry.unit, goal, entry.bare, share)
    return Series(figure, entry.values, entry.ratios)


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
    return (
        each.figure.what,
        with_unit(each.median, each.figure.unit),
        f"{number(min(each.values))} - {number(max(each.values))}",
        "" if each.of_bare is None else f"{each.of_bare:.2f}",
        _goals(each),
    )


def _goals(each: Series) -> str:
    """Say of each goal whether it is met; of two, the second is the share of the bare loop."""
    return ", ".join(
        f"{bound(goal)}{' of bare' if goal is each.figure.share else ''} "
        f"{'ok' if goal.met(value) else 'miss'}"
        for goal, value in each.goals
    )
