"""Measures the chosen families round by round."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from jobqueue import JobQueueError
from scripts.benchmarks import (
    backlog,
    bare,
    cookbook,
    drain,
    enqueue,
    footprint,
    growth,
    idle,
    latency,
    memory,
    promotion,
    recording,
    restrained,
    startup,
)
from scripts.benchmarks.figures import Broken, Family, Size, Values
from scripts.benchmarks.stage import Stage

LONGEST = 300.0  # seconds for one family in one round
LONGEST_AT_SCALE = 1800.0

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        bare.FAMILY,
        enqueue.FAMILY,
        drain.FAMILY,
        drain.THREADS,
        restrained.FAMILY,
        drain.HISTORY,
        recording.FAMILY,
        latency.FAMILY,
        latency.HALF,
        memory.FAMILY,
        footprint.FAMILY,
        idle.FAMILY,
        startup.FAMILY,
        drain.SUSTAINED,
        backlog.FAMILY,
        promotion.FAMILY,
        idle.MANY_QUEUES,
        cookbook.FAMILY,
    )
} | growth.FAMILIES


@dataclass
class Results:
    """Values by figure for each round, and why a family has none, by its name."""

    rounds: list[Values] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


def chosen(
    names: Sequence[str] = (), *, scale: bool = False, grown: bool = False, rows: int = 0
) -> list[Family]:
    """Return what is measured; the bare limit goes with its like.

    Args:
        names: These families only; else those that the flags choose.
        scale: Those that take long, instead of the usual ones.
        grown: How cost grows, instead of the usual ones.
        rows: Of history for the cookbook, instead of the usual ones.
    """
    if names:
        families = [FAMILIES[name] for name in dict.fromkeys(names)]
    elif scale or grown or rows:
        families = [family for family in FAMILIES.values() if _asked(family, scale, grown, rows)]
    else:
        families = [family for family in FAMILIES.values() if not family.scale]
    compared = any(figure.bare for family in families for figure in family.figures)
    if compared and bare.FAMILY not in families:
        families.insert(0, bare.FAMILY)
    return families


def _asked(family: Family, scale: bool, grown: bool, rows: int) -> bool:
    if family.name in growth.FAMILIES:
        return grown
    if family is cookbook.FAMILY:
        return bool(rows)
    return scale and family.scale


async def measure(
    stage: Stage, families: Sequence[Family], size: Size, rounds: int, results: Results
) -> None:
    """Measure every family once in each round, into ``results``."""
    for number in range(1, rounds + 1):
        values: Values = {}
        results.rounds.append(values)
        for family in families:
            print(f"round {number} of {rounds}: {family.name}", file=sys.stderr, flush=True)
            try:
                values |= await _once(stage, family, size)
            except (Broken, JobQueueError) as error:
                print(f"{family.name} failed: {error}", file=sys.stderr, flush=True)
                results.failures[family.name] = str(error)


async def _once(stage: Stage, family: Family, size: Size) -> Values:
    longest = LONGEST_AT_SCALE if family.scale else LONGEST
    try:
        async with asyncio.timeout(longest):
            await stage.reset()
            return await family.measure(stage, size)
    except TimeoutError:
        raise Broken(f"gave up after {longest:g} s") from None
