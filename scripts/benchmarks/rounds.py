"""Measures the chosen families round by round."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from jobqueue import JobQueueError
from scripts.benchmarks import bare, drain, enqueue, idle, latency, memory, startup
from scripts.benchmarks.figures import Broken, Family, Size, Values
from scripts.benchmarks.stage import Stage

LONGEST = 300.0  # seconds for one family in one round

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        bare.FAMILY,
        enqueue.FAMILY,
        drain.FAMILY,
        drain.HISTORY,
        latency.FAMILY,
        memory.FAMILY,
        idle.FAMILY,
        startup.FAMILY,
    )
}


@dataclass
class Results:
    """Values by figure for each round, and why a family has none, by its name."""

    rounds: list[Values] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


def chosen(names: Sequence[str] | None) -> list[Family]:
    """Return the families of these names, all without any; the bare limit goes with its like."""
    families = [family for family in FAMILIES.values() if not names or family.name in names]
    compared = any(figure.bare for family in families for figure in family.figures)
    if compared and bare.FAMILY not in families:
        families.insert(0, bare.FAMILY)
    return families


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
    try:
        async with asyncio.timeout(LONGEST):
            await stage.reset()
            return await family.measure(stage, size)
    except TimeoutError:
        raise Broken(f"gave up after {LONGEST:g} s") from None
