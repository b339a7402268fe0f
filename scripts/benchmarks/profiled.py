"""Profiles as people read them."""

from collections.abc import Sequence

from scripts.benchmarks.profile import Profile, ScriptCost, group_of
from scripts.benchmarks.text import aligned, number

LEAST = 0.05  # µs: what is less is told together
NAMED = 3  # functions of a group
MOST = 25  # groups

Rows = list[tuple[str, str, str]]


def rows(profile: Profile, most: int = MOST) -> Rows:
    """Return the work, the process with its groups, and Redis with its scripts.

    Args:
        profile: What was found.
        most: Groups; those behind them are one row.

    Returns:
        What it is, µs a job, and what that consists of.
    """
    groups = list(profile.groups().items())
    rest = sum(micros for _, micros in groups[most:])
    kernel = f"{_micros(profile.kernel)} of it in the kernel"
    others = [each for each in profile.others if each.micros >= LEAST]
    return [
        (f"{profile.process}, all", _micros(profile.cpu), kernel),
        *((group, _micros(micros), _functions(profile, group)) for group, micros in groups[:most]),
        ("all others", _micros(rest), ""),
        ("Redis, all", _micros(profile.redis), ""),
        *(_script(each) for each in profile.scripts if each.micros >= LEAST),
        *((each.name.upper(), _micros(each.micros), _often(each.times)) for each in others),
        ("sockets, parsing, append-only file", _micros(profile.server), ""),
    ]


def title(profile: Profile) -> str:
    """Return what was done, and how fast."""
    return f"{profile.work}, {number(profile.rate)}/s"


def _functions(profile: Profile, group: str) -> str:
    named = [
        (name.partition(":")[2], micros)
        for name, micros in profile.functions.items()
        if group_of(name) == group and micros >= LEAST
    ]
    return ", ".join(f"{name} {_micros(micros)}" for name, micros in named[:NAMED] if name)


def _script(cost: ScriptCost) -> tuple[str, str, str]:
    inner = [(each.name.upper(), each.micros) for each in cost.commands if each.micros >= LEAST]
    if cost.commands:
        inner.insert(0, ("Lua itself", cost.own))
    told = [f"{name} {_micros(micros)}" for name, micros in inner]
    return cost.name, _micros(cost.micros), "; ".join([_often(cost.calls), ", ".join(told)])


def _often(times: float) -> str:
    return f"{number(times)} calls a job"


def lines(profiles: Sequence[Profile]) -> list[str]:
    """Return all tables for people."""
    found = ["µs of CPU a job"]
    for each in profiles:
        found += ["", title(each), *aligned(rows(each), left=1, last_left=True)]
    return found


def _micros(value: float) -> str:
    return f"{value:.2f}"
