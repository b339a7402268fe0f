"""Empties a full queue by workers, and sees that it adds up.

Time runs from the moment when the worker processes, already started, are told to begin, to
the last journal record by the Redis clock: connecting is in it, importing is not. With
history, a scheduler process records all the time, and time ends when the last row is there.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass

from scripts.benchmarks.figures import Broken
from scripts.benchmarks.processes import Child, started
from scripts.benchmarks.stage import KEYS, POLL, Stage
from scripts.benchmarks.usage import Usage
from scripts.benchmarks.workload import DEFAULTS, Plan, Workload

DEADLINE = 60.0  # seconds for a drain, and one more for each 2,000 jobs
SLOWEST = 2000  # jobs a second


@dataclass(frozen=True)
class Load:
    """What is drained, and by whom.

    Args:
        jobs: How many are waiting when the workers begin.
        kind: Which; see ``Workload.prepares``.
        payload: Bytes of text in each, for ``padded`` ones.
        workers: Processes.
        recording: Whether every row shall arrive in PostgreSQL too.
        plan: How the app differs from the defaults.
    """

    jobs: int
    kind: str = "noop"
    payload: int = 0
    workers: int = 1
    recording: bool = False
    plan: Plan = DEFAULTS


@dataclass(frozen=True)
class Drained:
    """One drain: its length and the CPU time of the workers and the scheduler, in seconds."""

    jobs: int
    seconds: float
    redis: Usage
    workers: float
    scheduler: float

    @property
    def rate(self) -> float:
        """Jobs a second."""
        return self.jobs / self.seconds


async def drained(stage: Stage, load: Load) -> Drained:
    """Fill the emptied queues and drain them.

    Raises:
        Broken: It did not end, or does not add up.
    """
    await stage.reset()
    async with Workload(stage.redis_url, plan=load.plan) as workload:
        await workload.fill(load.jobs, load.kind, load.payload)
    queues = load.plan.stored
    async with AsyncExitStack() as stack:
        scheduler = await _scheduler(stage, stack) if load.recording else None
        pool = [
            await stack.enter_async_context(started("worker", stage, load.plan))
            for _ in range(load.workers)
        ]
        before, clock, start = await stage.usage(), await stage.now(), time.perf_counter()
        for worker in pool:
            worker.go()
        polls = await _settled(stage, load, pool)
        seconds = time.perf_counter() - start
        spent = await stage.usage() - before
        if not load.recording:
            seconds = await stage.last_record(queues) - clock
        reports = [await worker.stop() for worker in pool]
        recorder = (await scheduler.stop()).cpu if scheduler else 0.0
    check("handlers ran", sum(report.ran for report in reports), load.jobs)
    if load.recording:
        check("rows arrived", await stage.rows(), load.jobs)
    # What we asked ourselves meanwhile is not the library's: the clock once, and the polls.
    asked = polls * len(queues) + load.recording * polls + 1
    trips = spent.trips - polls * (1 + load.recording) - 2
    redis = Usage(spent.cpu, spent.calls, spent.commands - asked, trips)
    return Drained(load.jobs, seconds, redis, sum(each.cpu for each in reports), recorder)


async def _scheduler(stage: Stage, stack: AsyncExitStack) -> Child:
    """Start a scheduler and wait until it says that it lives."""
    scheduler = await stack.enter_async_context(started("scheduler", stage))
    scheduler.go()
    while not await stage.redis.exists(KEYS.services):
        scheduler.check()
        await asyncio.sleep(POLL)
    scheduler.restart_count()  # it has just imported what talks to PostgreSQL
    return scheduler


async def _settled(stage: Stage, load: Load, workers: list[Child]) -> int:
    """Wait until every job has succeeded, and with recording until no record is on its way.

    Returns:
        How often we asked.
    """
    patience = DEADLINE + load.jobs / SLOWEST
    deadline, polls, queues = time.monotonic() + patience, 0, load.plan.stored
    while True:
        done = await stage.succeeded(load.kind, queues)
        left = await stage.journal(queues) if load.recording else 0
        polls += 1
        if done >= load.jobs and not left:
            check("jobs succeeded", done, load.jobs)
            return polls
        for worker in workers:
            worker.check()
        if time.monotonic() > deadline:
            raise Broken(f"{done} of {load.jobs} jobs were drained in {patience:g} s")
        await asyncio.sleep(POLL)


def check(what: str, found: int, jobs: int) -> None:
    """Raise ``Broken`` if not all jobs are found."""
    if found != jobs:
        raise Broken(f"{found} {what}, of {jobs} enqueued")
