"""How fast a scheduler makes jobs ready that are all due at one moment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from scripts.benchmarks.draining import check
from scripts.benchmarks.figures import SCALE, Broken, Family, Figure, Goal, Size, Values, cpu
from scripts.benchmarks.memory import used
from scripts.benchmarks.processes import Child, started
from scripts.benchmarks.stage import KEYS, QUEUE, Stage
from scripts.benchmarks.usage import MICRO, cpu_of
from scripts.benchmarks.waiting import until
from scripts.benchmarks.workload import DEFAULTS, Plan, Workload

ENQUEUED = 15_000  # jobs a second, at least
STARTING = 5.0  # seconds for the scheduler
BEFORE = 0.5  # seconds for looking at what was spent so far
PROMOTED = 5000  # jobs a second, at least


async def measure(stage: Stage, size: Size) -> Values:
    """Schedule many jobs for one moment and watch what becomes of them then."""
    before = await used(stage)
    due = await scheduled(stage, size.many)
    memory = (await used(stage) - before) / size.many
    async with waited(stage, size.many, due) as scheduler:
        own, redis = cpu_of(scheduler.pid), await stage.usage()
        await promoted(stage, size.many)
        seconds = await stage.now() - due
        own, redis = cpu_of(scheduler.pid) - own, await stage.usage() - redis
    return {
        "promotion.rate": size.many / seconds,
        "promotion.scheduler_cpu": own / size.many * MICRO,
        "promotion.redis_cpu": redis.cpu / size.many * MICRO,
        "promotion.memory": memory,
    }


async def scheduled(stage: Stage, jobs: int) -> float:
    """Schedule jobs for one moment, and return that; there is time to start a scheduler."""
    due = await stage.now() + jobs / ENQUEUED + STARTING
    async with Workload(stage.redis_url) as workload:
        call = workload.noop.options(run_at=datetime.fromtimestamp(due, UTC))
        await workload.app.enqueue_many(map(call.prepare, range(jobs)))
    return due


@asynccontextmanager
async def waited(
    stage: Stage, jobs: int, due: float, plan: Plan = DEFAULTS
) -> AsyncIterator[Child]:
    """Start a scheduler and wait until shortly before the moment.

    Raises:
        Broken: It was over before.
    """
    async with started("scheduler", stage, plan) as scheduler:
        scheduler.go()
        if (left := due - await stage.now()) < 0:
            raise Broken(f"the jobs were due {-left:.1f} s before they were all scheduled")
        check("jobs waited", await stage.redis.zcard(KEYS.scheduled(QUEUE)), jobs)
        await asyncio.sleep(max(0.0, left - BEFORE))
        scheduler.restart_count()
        yield scheduler


async def promoted(stage: Stage, jobs: int) -> None:
    """Wait until no job is scheduled any more."""
    left = jobs

    async def done() -> bool:
        nonlocal left
        left = await stage.redis.zcard(KEYS.scheduled(QUEUE))
        return not left

    late = STARTING + jobs / PROMOTED
    await until(done, late, lambda: f"{left} of {jobs} jobs were not promoted")


FAMILY = Family(
    "promotion",
    (
        Figure("promotion.rate", "promote jobs that are due at once", "/s", Goal(">=", 50_000)),
        *cpu("promotion", "scheduler", "redis"),
        Figure("promotion.memory", "memory of Redis, a scheduled job", "bytes"),
    ),
    measure,
    seconds=95,
    part=SCALE,
)
