"""How long an idle worker takes from ``enqueue`` to the handler's first line, at 50 jobs/s.

Jobs are sent by a clock, not when the one before has come back: a stall hides nothing.
"""

import asyncio
import time

from scripts.benchmarks.figures import Broken, Family, Figure, Goal, Size, Values
from scripts.benchmarks.processes import Child, started
from scripts.benchmarks.stage import POLL, Stage
from scripts.benchmarks.workload import Workload

RATE = 50  # jobs a second
WARM_UP = 10  # jobs that are not counted
PATIENCE = 15.0  # seconds for the last job
MS = 1e6  # ns


async def measure(stage: Stage, size: Size) -> Values:
    """Send jobs at the rate and return the median and the 99th percentile."""
    jobs = WARM_UP + round(RATE * size.seconds)
    async with started("worker", stage) as worker, Workload(stage.redis_url) as workload:
        worker.go()
        await _send(workload, jobs)
        await _wait(stage, jobs, worker)
        waits = (await worker.stop()).waits
    if len(waits) != jobs:
        raise Broken(f"{len(waits)} of {jobs} jobs ran")
    counted = sorted(waits[WARM_UP:])
    return {
        "latency.p50": percentile(counted, 50) / MS,
        "latency.p99": percentile(counted, 99) / MS,
    }


async def _send(workload: Workload, jobs: int) -> None:
    async def send() -> None:
        await workload.stamped.enqueue(time.monotonic_ns())

    loop = asyncio.get_running_loop()
    start = loop.time()
    async with asyncio.TaskGroup() as group:
        for number in range(jobs):
            await asyncio.sleep(start + number / RATE - loop.time())
            group.create_task(send())


async def _wait(stage: Stage, jobs: int, worker: Child) -> None:
    deadline = time.monotonic() + PATIENCE
    while await stage.succeeded("stamped") < jobs and time.monotonic() < deadline:
        worker.check()
        await asyncio.sleep(POLL)


def percentile(ordered: list[int], percent: int) -> int:
    """Return the lowest value that ``percent`` of 100 do not exceed; ``ordered`` is sorted."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


FAMILY = Family(
    "latency",
    (
        Figure("latency.p50", "enqueue to handler at 50 jobs/s, median", "ms", Goal("<", 2)),
        Figure("latency.p99", "enqueue to handler at 50 jobs/s, p99", "ms", Goal("<", 5)),
    ),
    measure,
)
