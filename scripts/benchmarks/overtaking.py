"""Latency of urgent jobs that come while a backlog of others is worked off."""

import asyncio
import time

from scripts.benchmarks.latency import RATE
from scripts.benchmarks.processes import started
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.waiting import until
from scripts.benchmarks.workload import Workload

LATE = 0.3  # seconds after its start when the worker is at full speed
PATIENCE = 15.0  # seconds
FEWEST = 5  # waits that say something


async def overtaken(stage: Stage, backlog: int, seconds: float) -> list[int]:
    """Send critical jobs at 50/s until the backlog or the time is over; return sorted waits, in ns.

    Raises:
        Broken: They did not all run.
    """
    async with started("worker", stage) as worker, Workload(stage.redis_url) as workload:
        await workload.fill(backlog)
        urgent = workload.stamped.options(priority="critical")
        worker.go()
        await asyncio.sleep(LATE)
        sent, start = 0, time.monotonic()
        while time.monotonic() - start < seconds:
            await asyncio.sleep(max(0.0, start + sent / RATE - time.monotonic()))
            await urgent.enqueue(time.monotonic_ns())
            sent += 1
            if sent >= FEWEST and await stage.succeeded("noop") >= backlog:
                break

        async def done() -> bool:
            return await stage.succeeded("stamped") >= sent

        late = f"not all of {sent} urgent jobs ran"
        await until(done, PATIENCE, lambda: late, check=worker.check)
        return sorted((await worker.stop()).waits)
