"""The works that ``--profile`` takes apart: what comes before each, the work, what it spent."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from scripts.benchmarks import enqueue, latency, promotion, recording
from scripts.benchmarks.child import Report
from scripts.benchmarks.draining import Load, drained, emptied
from scripts.benchmarks.meter import Meter
from scripts.benchmarks.processes import started
from scripts.benchmarks.sampling import Sampler
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.usage import Usage, own_kernel
from scripts.benchmarks.workload import Plan, Workload

LOOKED_AT = Plan(profiled=True)
FEW = 2000  # jobs, for a look at each command that they cost


class Spent(NamedTuple):
    """What the jobs of one work took, in seconds.

    Args:
        seconds: From begin to end.
        redis: CPU of Redis.
        cpu: CPU of the process that is looked at.
        kernel: What the kernel took of that.
        samples: Where the process was found at work, and how often.
    """

    seconds: float
    redis: float
    cpu: float
    kernel: float
    samples: dict[str, int]


Do = Callable[[], Awaitable[Spent]]


class Work(NamedTuple):
    """Something that is profiled.

    Args:
        name: What people read.
        process: Who does it, besides Redis.
        part: Its jobs, of those of a drain.
        begin: Prepares so many jobs and returns what does the work.
        few: Jobs that are enough for a look at each command that they cost.
    """

    name: str
    process: str
    part: float
    begin: Callable[[Stage, int], AbstractAsyncContextManager[Do]]
    few: int = FEW


@asynccontextmanager
async def _draining(
    kind: str, stage: Stage, jobs: int, *, recording: bool = False, scheduler: bool = False
) -> AsyncIterator[Do]:
    plan = replace(LOOKED_AT, limited=kind == "limited")
    load = Load(jobs, kind, recording=recording, plan=plan)
    await stage.reset()
    async with Workload(stage.redis_url, plan=load.plan) as workload:
        await workload.fill(jobs, kind)

    async def drain() -> Spent:
        found = await emptied(stage, load)
        told = found.recorder if scheduler else found.pool[0]
        assert told  # noqa: S101 - there is a scheduler where something is recorded
        return _told(told, found.seconds, found.redis)

    yield drain


@asynccontextmanager
async def _enqueueing(way: enqueue.Way, stage: Stage, jobs: int) -> AsyncIterator[Do]:
    await stage.reset()
    async with Workload(stage.redis_url) as workload:
        await workload.noop.enqueue(0)  # connects and loads the script

        async def send() -> Spent:
            sampler, kernel = Sampler(), own_kernel()
            async with Meter(stage) as spent:
                sampler.start()
                await way(workload, jobs)
                samples = sampler.stop()
            kernel = own_kernel() - kernel
            return Spent(spent.seconds, spent.redis.cpu, spent.own, kernel, samples)

        yield send


@asynccontextmanager
async def _blocking(stage: Stage, jobs: int) -> AsyncIterator[Do]:
    await stage.reset()
    async with started("producer", stage, LOOKED_AT) as producer:

        async def send() -> Spent:
            async with Meter(stage) as spent:
                producer.go(str(jobs))
                told = await producer.stop()
            return _told(told, spent.seconds, spent.redis)

        yield send


@asynccontextmanager
async def _pacing(stage: Stage, jobs: int) -> AsyncIterator[Do]:
    await stage.reset()
    async with latency.awake(stage, LOOKED_AT) as (pool, workload):

        async def send() -> Spent:
            found = await latency.sent(stage, pool, workload, jobs)
            return _told(found.reports[0], found.meter.seconds, found.meter.redis)

        yield send


@asynccontextmanager
async def _flowing(stage: Stage, jobs: int) -> AsyncIterator[Do]:
    rate = (await drained(stage, Load(jobs))).rate / 2
    await stage.reset()
    async with latency.awake(stage, LOOKED_AT) as (pool, workload):

        async def send() -> Spent:
            found = await latency.flowed(stage, pool, workload, jobs, rate)
            return _told(found.reports[0], found.meter.seconds, found.meter.redis)

        yield send


@asynccontextmanager
async def _recording(stage: Stage, jobs: int) -> AsyncIterator[Do]:
    await drained(stage, Load(jobs))
    async with started("recorder", stage, LOOKED_AT) as recorder:

        async def record() -> Spent:
            found = await recording.copied(stage, recorder, jobs)
            told, whole = await recorder.stop(), jobs / found.rows
            cpu = found.recorder * whole
            kernel = cpu * told.kernel / told.cpu
            return Spent(found.seconds * whole, found.redis * whole, cpu, kernel, told.samples)

        yield record


@asynccontextmanager
async def _promoting(stage: Stage, jobs: int) -> AsyncIterator[Do]:
    await stage.reset()
    due = await promotion.scheduled(stage, jobs)
    async with promotion.waited(stage, jobs, due, LOOKED_AT) as scheduler:

        async def promote() -> Spent:
            async with Meter(stage) as spent:
                await promotion.promoted(stage, jobs)
            seconds, told = await stage.now() - due, await scheduler.stop()
            return _told(told, seconds, spent.redis)

        yield promote


def _told(report: Report, seconds: float, redis: Usage) -> Spent:
    return Spent(seconds, redis.cpu, report.cpu, report.kernel, report.samples)


_RECORDED = partial(_draining, "noop", recording=True)

WORKS = (
    Work("drain", "worker", 1, partial(_draining, "noop")),
    Work("drain by threads", "worker", 0.25, partial(_draining, "threaded")),
    Work("drain with a limit", "worker", 0.25, partial(_draining, "limited")),
    Work("drain with locks", "worker", 0.25, partial(_draining, "locked")),
    Work("drain with unique keys", "worker", 0.25, partial(_draining, "unique")),
    Work("drain while it is recorded", "worker", 0.5, _RECORDED),
    Work("record while it is drained", "scheduler", 0.5, partial(_RECORDED, scheduler=True)),
    Work("record", "recorder", 1, _recording, few=recording.FEWEST),
    Work("enqueue and drain at half of full load", "worker", 0.25, _flowing),
    Work("enqueue and drain at 50 jobs/s", "worker", 0.004, _pacing, few=100),
    Work("enqueue one by one", "producer", 0.05, partial(_enqueueing, enqueue.one_by_one)),
    Work("enqueue one by one, blocking", "producer", 0.02, _blocking),
    Work("enqueue, 100 at once", "producer", 0.25, partial(_enqueueing, enqueue.at_once)),
    Work("enqueue in bulk", "producer", 1, partial(_enqueueing, enqueue.in_bulk)),
    Work("promotion", "scheduler", 0.5, _promoting),
)
