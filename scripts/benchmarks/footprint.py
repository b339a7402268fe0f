"""Resident memory of a worker process: idle, and with a full hand of running jobs."""

import asyncio

from scripts.benchmarks.figures import Family, Figure, Goal, Size, Values
from scripts.benchmarks.processes import started
from scripts.benchmarks.stage import KEYS, QUEUE, Stage
from scripts.benchmarks.usage import memory_of
from scripts.benchmarks.waiting import until
from scripts.benchmarks.workload import Workload

SETTLING = 2.0  # seconds
IN_FLIGHT = 100
PATIENCE = 15.0  # seconds
MEGA = 1e6


async def measure(stage: Stage, _size: Size) -> Values:
    """Look at a worker that has nothing to do, then give it jobs that stay."""
    async with started("worker", stage) as worker:
        worker.go()
        await asyncio.sleep(SETTLING)
        idle = memory_of(worker.pid)
        async with Workload(stage.redis_url) as workload:
            await workload.fill(IN_FLIGHT, "held")
        await _running(stage)
        await asyncio.sleep(SETTLING)
        worker.check()
        busy = memory_of(worker.pid)
        worker.kill()  # its jobs never end
    return {"footprint.idle": idle / MEGA, "footprint.busy": busy / MEGA}


async def _running(stage: Stage) -> None:
    async def done() -> bool:
        return int(await stage.redis.hget(KEYS.counts(QUEUE), "running:held") or 0) >= IN_FLIGHT

    await until(done, PATIENCE, lambda: f"{IN_FLIGHT} jobs did not start")


FAMILY = Family(
    "footprint",
    (
        Figure("footprint.idle", "memory of an idle worker", "MB", Goal("<=", 60)),
        Figure("footprint.busy", "… with 100 jobs in flight", "MB", Goal("<=", 80)),
    ),
    measure,
    seconds=6,
)
