"""Measures the chosen families round by round."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Collection, Sequence
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
    nodes,
    promotion,
    recording,
    restrained,
    startup,
)
from scripts.benchmarks.figures import (
    FULL,
    HISTORY,
    SCALE,
    USUAL,
    Broken,
    Family,
    Size,
    Values,
)
from scripts.benchmarks.stage import Stage

LONGEST = 300.0  # seconds for one family in one round
LONGEST_AT_SCALE = 1800.0
MILLION = 1_000_000
LEAST = 0.4  # of the estimate that stays however small the size is

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
        nodes.FAMILY,
    )
} | growth.FAMILIES


@dataclass
class Results:
    """What came of all rounds.

    Attributes:
        rounds: Values by figure, for each round.
        failures: Why a family has none, by its name.
        seconds: How long each family took in all rounds, by its name.
    """

    rounds: list[Values] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    seconds: Counter[str] = field(default_factory=Counter)


def chosen(names: Sequence[str] = (), parts: Collection[str] = ()) -> list[Family]:
    """Return what is measured; the bare limit goes with its like.

    Args:
        names: These families only; else those of the parts.
        parts: Of the benchmarks; none means the usual one.
    """
    parts = parts or {USUAL}
    families = [family for family in FAMILIES.values() if family.part in parts]
    if names:
        families = [FAMILIES[name] for name in dict.fromkeys(names)]
    compared = any(figure.bare for family in families for figure in family.figures)
    if compared and bare.FAMILY not in families:
        families.insert(0, bare.FAMILY)
    return families


def estimate(families: Sequence[Family], size: Size, rounds: int) -> float:
    """Return how many seconds it will take, about, on two cores like those it was written on."""
    usual = size.jobs / FULL.jobs
    scales = {SCALE: size.many / FULL.many, HISTORY: size.rows / MILLION}
    # Starting processes and watching them takes its time however few the jobs are.
    each = [family.seconds * max(LEAST, scales.get(family.part, usual)) for family in families]
    return rounds * sum(each)


async def measure(
    stage: Stage, families: Sequence[Family], size: Size, rounds: int, results: Results
) -> None:
    """Measure every family once in each round, into ``results``."""
    for number in range(1, rounds + 1):
        values: Values = {}
        results.rounds.append(values)
        for family in families:
            print(f"round {number} of {rounds}: {family.name}", file=sys.stderr, flush=True)
            start = time.perf_counter()
            try:
                values |= await _once(stage, family, size)
            except (Broken, JobQueueError) as error:
                print(f"{family.name} failed: {error}", file=sys.stderr, flush=True)
                results.failures[family.name] = str(error)
            results.seconds[family.name] += round(time.perf_counter() - start)


async def _once(stage: Stage, family: Family, size: Size) -> Values:
    longest = LONGEST_AT_SCALE if family.part != USUAL else LONGEST
    try:
        async with asyncio.timeout(longest):
            await stage.reset()
            return await family.measure(stage, size)
    except TimeoutError:
        raise Broken(f"gave up after {longest:g} s") from None
