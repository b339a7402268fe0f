"""How fast one producer enqueues: one by one, 100 at once, and in bulk."""

import asyncio
from collections.abc import Awaitable, Callable

from scripts.benchmarks import bare
from scripts.benchmarks.bare import AT_ONCE
from scripts.benchmarks.figures import Broken, Family, Figure, Goal, Size, Values, cpu
from scripts.benchmarks.meter import Meter
from scripts.benchmarks.stage import KEYS, QUEUE, Stage
from scripts.benchmarks.workload import Workload

Way = Callable[[Workload, int], Awaitable[None]]


async def one_by_one(workload: Workload, jobs: int) -> None:
    """Wait for each job before the next one."""
    for number in range(jobs):
        await workload.noop.enqueue(number)


async def one_by_one_sync(workload: Workload, jobs: int) -> None:
    """The same by blocking calls, in a thread without an event loop."""

    def send() -> None:
        for number in range(jobs):
            workload.noop.enqueue_sync(number)

    await asyncio.to_thread(send)


async def at_once(workload: Workload, jobs: int) -> None:
    """Wait for 100 concurrent calls before the next hundred."""
    for first in range(0, jobs, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, jobs))
        await asyncio.gather(*[workload.noop.enqueue(number) for number in numbers])


async def in_bulk(workload: Workload, jobs: int) -> None:
    """Prepare and send all jobs by one ``enqueue_many``."""
    await workload.fill(jobs)


async def measure(stage: Stage, size: Size) -> Values:
    """Enqueue in each way, with as many jobs as take a second or so."""
    return {
        **await _sent(stage, "enqueue.one", one_by_one, size.jobs // 10),
        **await _sent(stage, "enqueue.one_sync", one_by_one_sync, size.jobs // 10),
        **await _sent(stage, "enqueue.gather", at_once, size.jobs // 2),
        **await _sent(stage, "enqueue.bulk", in_bulk, size.jobs),
    }


async def _sent(stage: Stage, name: str, way: Way, jobs: int) -> Values:
    """Return the jobs a second, and what they took."""
    await stage.reset()
    async with Workload(stage.redis_url) as workload:
        await workload.noop.enqueue(0)  # connects and loads the script
        await asyncio.to_thread(workload.noop.enqueue_sync, 0)
        async with Meter(stage) as spent:
            await way(workload, jobs)
        await asyncio.to_thread(workload.app.close_sync)
    stored = await stage.redis.xlen(f"{KEYS.base(QUEUE)}ready:2") - 2
    if stored != jobs:
        raise Broken(f"{stored} of {jobs} jobs were stored by {way.__name__}")
    return spent.values(name, jobs)


NEARLY = Goal(">=", 0.9)

FAMILY = Family(
    "enqueue",
    (
        Figure("enqueue.one", "enqueue one by one", "/s", bare=bare.ONE, share=NEARLY),
        *cpu("enqueue.one", "producer", "redis"),
        Figure(
            "enqueue.one_sync",
            "enqueue one by one, blocking",
            "/s",
            bare=bare.ONE_SYNC,
            share=NEARLY,
        ),
        *cpu("enqueue.one_sync", "producer", "redis"),
        Figure("enqueue.gather", "enqueue 100 at once", "/s", Goal(">=", 45_000), bare.HUNDRED),
        *cpu("enqueue.gather", "producer", "redis"),
        Figure("enqueue.bulk", "enqueue in bulk", "/s", bare=bare.BULK, share=Goal(">=", 0.7)),
        *cpu("enqueue.bulk", "producer", "redis"),
    ),
    measure,
    seconds=8,
)
