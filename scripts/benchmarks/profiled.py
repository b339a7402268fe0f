"""A profile as people read it."""

from collections.abc import Sequence

from scripts.benchmarks.profile import Profile, ScriptCost, group_of
from scripts.benchmarks.text import aligned, number

LEAST = 0.05  # µs: what is less is told together
NAMED = 3  # functions of a group
MOST = 25  # groups

Rows = list[tuple[str, str, str]]


def worker(profile: Profile, most: int = MOST) -> Rows:
    """Return the worker's groups: name, µs a job, its dearest functions.

    Args:
        profile: What was found.
        most: Groups; those behind them are one row.
    """
    groups = list(profile.groups().items())
    rest = sum(micros for _, micros in groups[most:])
    return [
        ("worker, all", _micros(profile.worker), f"{_micros(profile.kernel)} of it in the kernel"),
        *((group, _micros(micros), _functions(profile, group)) for group, micros in groups[:most]),
        ("all others", _micros(rest), ""),
    ]


def _functions(profile: Profile, group: str) -> str:
    named = [
        (name.partition(":")[2], micros)
        for name, micros in profile.functions.items()
        if group_of(name) == group and micros >= LEAST
    ]
    return ", ".join(f"{name} {_micros(micros)}" for name, micros in named[:NAMED] if name)


def redis(profile: Profile) -> Rows:
    """Return the scripts and what is in them: name, µs a job, how often."""
    rows: Rows = [("Redis, all", _micros(profile.redis), "")]
    for cost in profile.scripts:
        rows += _script(cost)
    rows += [
        (each.name.upper(), _micros(each.micros), f"{number(each.times)} a job")
        for each in profile.others
        if each.micros >= LEAST
    ]
    return [*rows, ("sockets, parsing, append-only file", _micros(profile.server), "")]


def _script(cost: ScriptCost) -> Rows:
    if cost.micros < LEAST:
        return []
    rows: Rows = [(cost.name, _micros(cost.micros), f"{number(cost.calls)} calls a job")]
    if not cost.commands:
        return rows
    for each in cost.commands:
        if each.micros >= LEAST:
            rows.append(
                (f"… {each.name.upper()}", _micros(each.micros), f"{number(each.times)} a job")
            )
    return [*rows, ("… Lua itself", _micros(cost.own), "")]


def lines(profile: Profile) -> list[str]:
    """Return both tables for people."""
    return [
        f"one drain at {number(profile.rate)}/s, in µs of CPU a job",
        *("", *_table(worker(profile)), "", *_table(redis(profile))),
    ]


def _table(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    return aligned(rows, left=1, last_left=True)


def _micros(value: float) -> str:
    return f"{value:.2f}"
