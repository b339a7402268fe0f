"""How fast workers empty a full queue of no-op async jobs, journal on.

Time runs from the moment when the worker processes, already started, are told to begin, to
the last journal record by the Redis clock: connecting is in it, importing is not. With
history, a scheduler process records all the time, and time ends when the last row is there.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass

from scripts.benchmarks import bare
from scripts.benchmarks.figures import Broken, Family, Figure, Goal, Size, Values
from scripts.benchmarks.processes import Child, started
from scripts.benchmarks.stage import KEYS, POLL, Stage
from scripts.benchmarks.usage import MICRO, Usage
from scripts.benchmarks.workload import Workload

DEADLINE = 120.0  # seconds for one drain


@dataclass(frozen=True)
class Drained:
    """One drain: its length and the CPU time of the workers and the scheduler, in seconds."""

    seconds: float
    redis: Usage
    workers: float
    scheduler: float


async def without_history(stage: Stage, size: Size) -> Values:
    """Drain by one worker and by two; records stay in the journal."""
    one = await _drain(stage, size.jobs, workers=1, recording=False)
    two = await _drain(stage, size.jobs, workers=2, recording=False)
    return {
        "drain.one": size.jobs / one.seconds,
        "drain.two": size.jobs / two.seconds,
        "drain.worker_cpu": one.workers / size.jobs * MICRO,
        "drain.redis_cpu": one.redis.cpu / size.jobs * MICRO,
        "drain.calls": one.redis.calls / size.jobs,
        "drain.commands": one.redis.commands / size.jobs,
    }


async def with_history(stage: Stage, size: Size) -> Values:
    """Drain by one worker and by two while every row arrives in PostgreSQL."""
    one = await _drain(stage, size.jobs, workers=1, recording=True)
    two = await _drain(stage, size.jobs, workers=2, recording=True)
    return {
        "history.one": size.jobs / one.seconds,
        "history.two": size.jobs / two.seconds,
        "history.scheduler_cpu": one.scheduler / size.jobs * MICRO,
        "history.redis_cpu": one.redis.cpu / size.jobs * MICRO,
    }


async def _drain(stage: Stage, jobs: int, *, workers: int, recording: bool) -> Drained:
    await stage.reset()
    async with Workload(stage.redis_url) as workload:
        await workload.fill(jobs)
    async with AsyncExitStack() as stack:
        scheduler = await _scheduler(stage, stack) if recording else None
        pool = [await stack.enter_async_context(started("worker", stage)) for _ in range(workers)]
        before, clock, start = await stage.usage(), await stage.now(), time.perf_counter()
        for worker in pool:
            worker.go()
        polls = await _settled(stage, jobs, pool, recording=recording)
        seconds = time.perf_counter() - start
        spent = await stage.usage() - before
        if not recording:
            seconds = await stage.last_record() - clock
        reports = [await worker.stop() for worker in pool]
        recorder = (await scheduler.stop()).cpu if scheduler else 0.0
    _check("handlers ran", sum(report.ran for report in reports), jobs)
    if recording:
        _check("rows arrived", await stage.rows(), jobs)
    # What we asked ourselves meanwhile is not the library's: the clock once, and the polls.
    redis = Usage(spent.cpu, spent.calls, spent.commands - polls - 1)
    return Drained(seconds, redis, sum(report.cpu for report in reports), recorder)


async def _scheduler(stage: Stage, stack: AsyncExitStack) -> Child:
    """Start a scheduler and wait until it says that it lives."""
    scheduler = await stack.enter_async_context(started("scheduler", stage))
    scheduler.go()
    while not await stage.redis.exists(KEYS.services):
        scheduler.check()
        await asyncio.sleep(POLL)
    scheduler.restart_count()  # it has just imported what talks to PostgreSQL
    return scheduler


async def _settled(stage: Stage, jobs: int, workers: list[Child], *, recording: bool) -> int:
    """Wait until every job has succeeded, with ``recording`` until no record is on its way.

    Returns:
        The number of commands that it took.
    """
    deadline, polls = time.monotonic() + DEADLINE, 0
    while True:
        done = await stage.succeeded("noop")
        left = await stage.journal() if recording else 0
        polls += 1 + recording
        if done >= jobs and not left:
            _check("jobs succeeded", done, jobs)
            return polls
        for worker in workers:
            worker.check()
        if time.monotonic() > deadline:
            raise Broken(f"{done} of {jobs} jobs were drained in {DEADLINE:g} s")
        await asyncio.sleep(POLL)


def _check(what: str, found: int, jobs: int) -> None:
    if found != jobs:
        raise Broken(f"{found} {what}, of {jobs} enqueued")


FAMILY = Family(
    "drain",
    (
        Figure("drain.one", "drain, one worker", "/s", goal=Goal(">=", 20_000), bare=bare.DRAIN),
        Figure("drain.two", "drain, two workers", "/s", bare=bare.DRAIN),
        Figure("drain.worker_cpu", "… CPU of the worker, a job", "µs"),
        Figure("drain.redis_cpu", "… CPU of Redis, a job", "µs"),
        Figure("drain.calls", "… script calls, a job", ""),
        Figure("drain.commands", "… Redis commands, those of scripts too, a job", ""),
    ),
    without_history,
)

HISTORY = Family(
    "history",
    (
        Figure("history.one", "drain and record, one worker", "/s", bare=bare.DRAIN),
        Figure("history.two", "drain and record, two workers", "/s", bare=bare.DRAIN),
        Figure("history.scheduler_cpu", "… CPU of the scheduler, a job", "µs"),
        Figure("history.redis_cpu", "… CPU of Redis, a job", "µs"),
    ),
    with_history,
    history=True,
)
