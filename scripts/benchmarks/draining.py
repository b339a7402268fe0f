"""Empties a full queue by workers, and sees that it adds up.

Time runs from the moment when the worker processes, already started, are told to begin, to
the last journal record by the Redis clock: connecting is in it, importing is not. With
history, a scheduler process records all the time, and time ends when the last row is there.
"""

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from operator import sub

from redis.asyncio import Redis

from scripts.benchmarks.child import Report
from scripts.benchmarks.figures import Broken, Values
from scripts.benchmarks.processes import Child, started
from scripts.benchmarks.stage import KEYS, Stage
from scripts.benchmarks.usage import MICRO, Usage
from scripts.benchmarks.waiting import until
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
    """One drain: its length and the CPU time of each part, in seconds.

    Args:
        jobs: That ran.
        seconds: From the workers' start to the last record.
        nodes: What each Redis has spent.
        pool: What each worker did.
        recorder: What the scheduler did, if there was one.
        postgres: Its CPU.
    """

    jobs: int
    seconds: float
    nodes: Sequence[Usage]
    pool: Sequence[Report]
    recorder: Report | None
    postgres: float

    @property
    def workers(self) -> float:
        """CPU of all of them."""
        return sum(each.cpu for each in self.pool)

    @property
    def scheduler(self) -> float:
        """Its CPU."""
        return self.recorder.cpu if self.recorder else 0.0

    @property
    def rate(self) -> float:
        """Jobs a second."""
        return self.jobs / self.seconds

    @property
    def redis(self) -> Usage:
        """What all nodes have spent."""
        return sum(self.nodes, start=Usage.NOTHING)

    def costs(self, name: str) -> Values:
        """Return the CPU of a job in workers and in Redis, as ``<name>.<part>_cpu``."""
        return {
            f"{name}.worker_cpu": self.micros(self.workers),
            f"{name}.redis_cpu": self.micros(self.redis.cpu),
        }

    def micros(self, seconds: float) -> float:
        """Return what a job takes of so many seconds, in µs."""
        return seconds / self.jobs * MICRO


async def drained(stage: Stage, load: Load) -> Drained:
    """Fill the emptied queues and drain them.

    Raises:
        Broken: It did not end, or does not add up.
    """
    await stage.reset()
    async with Workload(stage.redis_url, plan=load.plan) as workload:
        await workload.fill(load.jobs, load.kind, load.payload)
    return await emptied(stage, load)


async def emptied(stage: Stage, load: Load) -> Drained:
    """Drain queues that have been filled.

    Raises:
        Broken: It did not end, or does not add up.
    """
    queues = load.plan.stored
    async with AsyncExitStack() as stack:
        scheduler = await _scheduler(stage, load.plan, stack) if load.recording else None
        pool = [
            await stack.enter_async_context(started("worker", stage, load.plan))
            for _ in range(load.workers)
        ]
        before, postgres, clock = await stage.usages(), stage.postgres_cpu(), await stage.now()
        start = time.perf_counter()
        for worker in pool:
            worker.go()
        polls = await _settled(stage, load, pool)
        seconds = time.perf_counter() - start
        after, postgres = await stage.usages(), stage.postgres_cpu() - postgres
        if not load.recording:
            seconds = await stage.last_record(queues) - clock
        reports = [await worker.stop() for worker in pool]
        recorder = await scheduler.stop() if scheduler else None
    check("handlers ran", sum(report.ran for report in reports), load.jobs)
    if load.recording:
        check("rows arrived", await stage.rows(), load.jobs)
    nodes = [
        spent - _ours(stage, node, queues, polls * (1 + load.recording))
        for node, spent in zip(stage.nodes, map(sub, after, before), strict=True)
    ]
    return Drained(load.jobs, seconds, nodes, reports, recorder, postgres)


def _ours(stage: Stage, node: Redis, queues: Sequence[str], polls: int) -> Usage:
    """Return what we asked a node ourselves: at each poll, and the first one for the time."""
    asked = sum(stage.home(KEYS.counts(queue)) is node for queue in queues)
    first = node is stage.redis
    return Usage(0.0, 0, polls * asked + first, polls + first + 1)


async def _scheduler(stage: Stage, plan: Plan, stack: AsyncExitStack) -> Child:
    """Start a scheduler and wait until it says that it lives."""
    scheduler = await stack.enter_async_context(started("scheduler", stage, plan))
    scheduler.go()

    async def lives() -> bool:
        return bool(await stage.redis.exists(KEYS.services))

    await until(lives, DEADLINE, lambda: "no scheduler began", check=scheduler.check)
    scheduler.restart_count()  # it has just imported what talks to PostgreSQL
    return scheduler


async def _settled(stage: Stage, load: Load, workers: list[Child]) -> int:
    """Wait until every job has succeeded, and with recording until no record is on its way.

    Returns:
        How often we asked.
    """
    done, queues = 0, load.plan.stored

    async def ended() -> bool:
        nonlocal done
        done = await stage.succeeded(load.kind, queues)
        left = await stage.journal(queues) if load.recording else 0
        return done >= load.jobs and not left

    def alive() -> None:
        for worker in workers:
            worker.check()

    patience = DEADLINE + load.jobs / SLOWEST
    polls = await until(
        ended, patience, lambda: f"{done} of {load.jobs} jobs were drained", check=alive
    )
    check("jobs succeeded", done, load.jobs)
    return polls


def check(what: str, found: int, jobs: int) -> None:
    """Raise ``Broken`` if not all jobs are found."""
    if found != jobs:
        raise Broken(f"{found} {what}, of {jobs} enqueued")
