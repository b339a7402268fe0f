"""How long it takes from ``enqueue`` to the handler's first line: idle, and at half of full load.

Jobs are sent by a clock, not when the one before has come back. At half of full load they go in
small batches, each stamped with the moment when it should have gone, so a stall hides nothing. The
clock starts when a few jobs went through: a producer's first one connects, and imports the client.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

from jobqueue.services.running import freeze_what_is_loaded
from scripts.benchmarks.child import Report
from scripts.benchmarks.draining import Load, drained
from scripts.benchmarks.figures import Broken, Family, Figure, Goal, Size, Values, cpu
from scripts.benchmarks.meter import Meter
from scripts.benchmarks.processes import Child, started
from scripts.benchmarks.stage import QUEUE, Stage
from scripts.benchmarks.waiting import until
from scripts.benchmarks.workload import DEFAULTS, Plan, Workload

RATE = 50  # jobs a second
WARM_UP = 10  # jobs before the clock starts
TICK = 0.005  # seconds between batches at half load
PATIENCE = 15.0  # seconds for the last job
MS = 1e6  # ns


async def measure(stage: Stage, size: Size) -> Values:
    """Send jobs at the rate and return the median and the 99th percentile."""
    found = await paced(stage, size.seconds)
    return {
        "latency.p50": percentile(found.waits, 50) / MS,
        "latency.p99": percentile(found.waits, 99) / MS,
        **found.meter.values("latency.rate", found.jobs),
    }


async def at_half_load(stage: Stage, size: Size) -> Values:
    """Send at half of the rate that one worker has just drained."""
    rate = (await drained(stage, Load(size.jobs // 2))).rate / 2
    await stage.reset()
    async with awake(stage) as (pool, workload):
        found = await flowed(stage, pool, workload, round(rate * size.seconds / 2), rate)
    return {
        **found.meter.values("latency.half", found.jobs),
        "latency.half_p50": percentile(found.waits, 50) / MS,
        "latency.half_p99": percentile(found.waits, 99) / MS,
    }


class Paced(NamedTuple):
    """What jobs at a steady rate met with.

    Args:
        jobs: That were sent, and ran.
        meter: What they took, in this process too.
        reports: What the workers did.
    """

    jobs: int
    meter: Meter
    reports: list[Report]

    @property
    def waits(self) -> list[int]:
        """Return the time from ``enqueue`` to the handler of each job, in ns, sorted."""
        return _waits(self.reports)


async def paced(
    stage: Stage, seconds: float, plan: Plan = DEFAULTS, *, workers: int = 1, payload: int = 0
) -> Paced:
    """Send jobs at the steady rate to idle workers."""
    async with awake(stage, plan, workers) as (pool, workload):
        return await sent(stage, pool, workload, round(RATE * seconds), payload)


@asynccontextmanager
async def awake(
    stage: Stage, plan: Plan = DEFAULTS, workers: int = 1
) -> AsyncIterator[tuple[list[Child], Workload]]:
    """Start workers and a producer, and let a few jobs go through."""
    async with AsyncExitStack() as stack:
        pool = [
            await stack.enter_async_context(started("worker", stage, plan)) for _ in range(workers)
        ]
        workload = await stack.enter_async_context(Workload(stage.redis_url, plan=plan))
        for worker in pool:
            worker.go()
        await _warm_up(stage, pool, workload)
        for worker in pool:
            worker.restart_count()
        freeze_what_is_loaded()  # what the benchmark itself has loaded is not on a job's way
        yield pool, workload


async def sent(
    stage: Stage, pool: list[Child], workload: Workload, jobs: int, payload: int = 0
) -> Paced:
    """Send jobs at the steady rate, and stop the workers."""
    return await _paced(stage, pool, workload, jobs, _send(workload, jobs, payload))


async def flowed(
    stage: Stage, pool: list[Child], workload: Workload, jobs: int, rate: float
) -> Paced:
    """Send jobs at a high rate in small batches, and stop the workers."""
    return await _paced(stage, pool, workload, jobs, _batches(workload, jobs, rate))


async def _paced(
    stage: Stage,
    pool: list[Child],
    workload: Workload,
    jobs: int,
    sending: Coroutine[Any, Any, None],
) -> Paced:
    async with Meter(stage, pool) as meter:
        await sending
        await _ran(stage, pool, "stamped", jobs, workload.plan.stored)
    return Paced(jobs, meter, await _stopped(pool, jobs))


async def _warm_up(stage: Stage, workers: list[Child], workload: Workload) -> None:
    """Send a few jobs, one after the other, and wait until they have run."""
    served = workload.plan.served
    for number in range(WARM_UP):
        await workload.noop.options(queue=served[number % len(served)]).enqueue(number)
    await _ran(stage, workers, "noop", WARM_UP, workload.plan.stored)


async def _send(workload: Workload, jobs: int, payload: int) -> None:
    text, served = "x" * payload, workload.plan.served
    calls = [workload.stamped.options(queue=queue) for queue in served]

    async def send(number: int) -> None:
        await calls[number % len(calls)].enqueue(time.monotonic_ns(), text)

    loop = asyncio.get_running_loop()
    start = loop.time()
    async with asyncio.TaskGroup() as group:
        for number in range(jobs):
            await asyncio.sleep(start + number / RATE - loop.time())
            group.create_task(send(number))


async def _batches(workload: Workload, jobs: int, rate: float) -> None:
    """Send what is due at each tick."""
    start, sent, tick = time.monotonic(), 0, 0
    async with asyncio.TaskGroup() as group:
        while sent < jobs:
            tick += 1
            await asyncio.sleep(max(0.0, start + tick * TICK - time.monotonic()))
            stamp, due = round((start + tick * TICK) * 1e9), min(jobs, round(tick * TICK * rate))
            batch = [workload.stamped.prepare(stamp) for _ in range(due - sent)]
            group.create_task(workload.app.enqueue_many(batch))
            sent = due


async def _stopped(workers: list[Child], jobs: int) -> list[Report]:
    """Stop the workers and return what they did; all jobs have to be there."""
    reports = [await worker.stop() for worker in workers]
    ran = sum(len(report.waits) for report in reports)
    if ran != jobs:
        raise Broken(f"{ran} of {jobs} jobs ran")
    return reports


def _waits(reports: Sequence[Report]) -> list[int]:
    return sorted(wait for report in reports for wait in report.waits)


async def _ran(
    stage: Stage, workers: list[Child], name: str, jobs: int, queues: Sequence[str] = (QUEUE,)
) -> None:
    """Wait until so many jobs of a name have run."""
    done = 0

    async def all_ran() -> bool:
        nonlocal done
        done = await stage.succeeded(name, queues)
        return done >= jobs

    def check() -> None:
        for worker in workers:
            worker.check()

    await until(all_ran, PATIENCE, lambda: f"{done} of {jobs} jobs ran", check=check)


def percentile(ordered: list[int], percent: int) -> int:
    """Return the lowest value that ``percent`` of 100 do not exceed; ``ordered`` is sorted."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _figures(start: str, what: str, p50: Goal | None, p99: Goal) -> tuple[Figure, ...]:
    return (
        Figure(f"latency.{start}p50", f"{what}, median", "ms", p50),
        Figure(f"latency.{start}p99", f"{what}, p99", "ms", p99),
    )


FAMILY = Family(
    "latency",
    (
        *_figures("", "enqueue to handler at 50 jobs/s", Goal("<=", 1.0), Goal("<=", 1.6)),
        Figure("latency.rate", "… jobs that were sent", "/s"),
        *cpu("latency.rate", "producer", "worker", "redis"),
    ),
    measure,
    seconds=11,
)

HALF = Family(
    "half",
    (
        Figure("latency.half", "half of full load", "/s"),
        *cpu("latency.half", "producer", "worker", "redis"),
        *_figures("half_", "… enqueue to handler", None, Goal("<=", 25)),
    ),
    at_half_load,
    seconds=11,
)
