"""Profiles as people read them."""

from collections.abc import Sequence

from scripts.benchmarks.profile import Profile, ScriptCost, group_of
from scripts.benchmarks.text import aligned, number

LEAST = 0.05  # µs: what is less is told together
NAMED = 3  # functions of a group
MOST = 25  # groups
FEW = 6  # groups where there is little room

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


def _inner(cost: ScriptCost) -> list[tuple[str, float]]:
    """Return Lua itself and each command, with their µs; nothing of what has no commands."""
    commands = [(each.name.upper(), each.micros) for each in cost.commands]
    return [("Lua itself", cost.own), *commands] if commands else []


def _script(cost: ScriptCost) -> tuple[str, str, str]:
    told = _parts(_inner(cost))
    often = _often(cost.calls)
    return cost.name, _micros(cost.micros), f"{often}; {told}" if told else often


def brief(profile: Profile) -> tuple[str, str, str]:
    """Return one row: the work, the process with its dearest groups, Redis with its scripts."""
    groups = list(profile.groups().items())
    others = [("all others", sum(micros for _, micros in groups[FEW:]))]
    outside = [
        *((each.name.upper(), each.micros) for each in profile.others),
        ("sockets, parsing, append-only file", profile.server),
    ]
    scripts = [
        f"**{each.name} {_micros(each.micros)}** ({inner})"
        for each in profile.scripts
        if each.micros >= LEAST and (inner := _parts(_inner(each)))
    ]
    process = f"{profile.process} **{_micros(profile.cpu)}**: {_parts(groups[:FEW] + others)}"
    redis = ", ".join([*scripts, _parts(outside)])
    return title(profile), process, f"**{_micros(profile.redis)}**: {redis}"


def _parts(parts: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {_micros(micros)}" for name, micros in parts if micros >= LEAST)


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
