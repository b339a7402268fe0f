"""Runs in a process of its own: a service under measurement, or a producer that blocks.

Standard input leads it: it says ``ready``, starts with the first line, counts its CPU time anew
with every further one, stops when its input ends, whoever closed it, and then says in one line
of JSON what it did. So it ends with its parent, however that one dies. A producer has no loop, and
finds in the first line how many jobs it shall enqueue.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from jobqueue.services.running import freeze_what_is_loaded, running
from scripts.benchmarks import loops
from scripts.benchmarks.sampling import Sampler
from scripts.benchmarks.usage import own_cpu, own_kernel
from scripts.benchmarks.workload import Plan, Workload


class Report(msgspec.Struct):
    """What a process did until it was told to stop.

    Args:
        ran: Jobs.
        cpu: Seconds.
        kernel: Those of them that the kernel took.
        waits: From enqueue to handler, in ns.
        samples: Where it was found at work how often, if it was told to look.
    """

    ran: int
    cpu: float
    kernel: float
    waits: list[int]
    samples: dict[str, int] = {}


async def _orders() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


@asynccontextmanager
async def _service(role: str, workload: Workload) -> AsyncIterator[None]:
    plan = workload.plan
    if role == "worker":
        queues = plan.served if plan.queues else None
        async with workload.app.worker(queues=queues, concurrency=plan.concurrency):
            yield
    elif role == "scheduler":
        async with workload.app.scheduler():
            yield
    else:
        async with running(await workload.app.services.recorder()):
            yield


def _spent() -> tuple[float, float]:
    return own_cpu(), own_kernel()


async def main(role: str, redis_url: str, database_url: str, plan: str) -> None:
    """Run a ``worker``, ``scheduler`` or ``recorder`` as standard input says."""
    packed = msgspec.json.decode(plan, type=Plan)
    workload = Workload(redis_url, database_url or None, packed)
    _ = workload.app.services  # what it imports is imported before the clock runs
    freeze_what_is_loaded()  # as a process of the command line does
    orders = await _orders()
    print("ready", flush=True)
    if not await orders.readline():
        return
    before = _spent()
    sampler = Sampler() if packed.profiled else None
    async with _service(role, workload):
        if sampler:
            sampler.start()
        while await orders.readline():
            before = _spent()
            if sampler:
                sampler.restart()
        cpu, kernel = (after - then for after, then in zip(_spent(), before, strict=True))
        samples = sampler.stop() if sampler else {}
    _tell(Report(workload.ran, cpu, kernel, workload.waits, samples))


def produce(redis_url: str, plan: str) -> None:
    """Enqueue as many jobs as standard input says, one by one, by blocking calls."""
    packed = msgspec.json.decode(plan, type=Plan)
    workload = Workload(redis_url, plan=packed)
    workload.noop.enqueue_sync(0)  # connects and loads the script
    print("ready", flush=True)
    jobs = int(sys.stdin.readline() or 0)
    before, sampler = _spent(), Sampler()
    if packed.profiled:
        sampler.start()
    for number in range(jobs):
        workload.noop.enqueue_sync(number)
    samples = sampler.stop() if packed.profiled else {}
    cpu, kernel = (after - then for after, then in zip(_spent(), before, strict=True))
    workload.app.close_sync()
    _tell(Report(jobs, cpu, kernel, [], samples))


def _tell(report: Report) -> None:
    print(msgspec.json.encode(report).decode(), flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["producer", redis_url, _, plan]:
            produce(redis_url, plan)
        case arguments:
            loops.run(main(*arguments))
