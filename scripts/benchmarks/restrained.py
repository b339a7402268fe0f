"""How fast jobs with a limit, a lock or a unique key are enqueued and drained.

The limit is one that is never reached, a thousand locks are shared by all jobs, and each job
has a unique key of its own.
"""

import time

from scripts.benchmarks.draining import Load, drained
from scripts.benchmarks.figures import Family, Figure, Goal, Size, Values, cpu
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.workload import Plan, Workload

KINDS = {"limited": "a limit", "locked": "locks", "unique": "unique keys"}


async def measure(stage: Stage, size: Size) -> Values:
    """Enqueue and drain jobs of each kind."""
    values: Values = {}
    for kind in KINDS:
        plan, jobs = Plan(limited=kind == "limited"), size.jobs // 4
        await stage.reset()
        async with Workload(stage.redis_url, plan=plan) as workload:
            start = time.perf_counter()
            await workload.fill(jobs, kind)
            values[f"restrained.{kind}.bulk"] = jobs / (time.perf_counter() - start)
        found = await drained(stage, Load(jobs, kind, plan=plan))
        values |= {f"restrained.{kind}": found.rate, **found.costs(f"restrained.{kind}")}
    return values


def _figures() -> list[Figure]:
    return [
        figure
        for kind, words in KINDS.items()
        for figure in (
            Figure(f"restrained.{kind}", f"drain, with {words}", "/s", Goal(">=", 15_000)),
            *cpu(f"restrained.{kind}", "worker", "redis"),
            Figure(f"restrained.{kind}.bulk", "… enqueue in bulk", "/s", Goal(">=", 15_000)),
        )
    ]


FAMILY = Family("restrained", tuple(_figures()), measure, seconds=15)
