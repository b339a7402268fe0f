"""What an idle worker costs: the commands that it sends, and its CPU."""

import asyncio
from contextlib import suppress

from scripts.benchmarks.figures import SCALE, Family, Figure, Goal, Size, Values
from scripts.benchmarks.processes import started
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.usage import cpu_of
from scripts.benchmarks.workload import Plan

SETTLING = 3.0  # seconds after the start, when it says hello
QUEUES = 200
PERCENT = 100


async def measure(stage: Stage, size: Size) -> Values:
    """Watch a worker that has nothing to do."""
    async with started("worker", stage) as worker:
        worker.go()
        await asyncio.sleep(SETTLING)
        sent = await _sent(stage, size.seconds)
        worker.check()
    return {"idle.commands": sent / size.seconds}


async def many_queues(stage: Stage, size: Size) -> Values:
    """Watch a worker that has nothing to do in many queues."""
    async with started("worker", stage, Plan(queues=QUEUES)) as worker:
        worker.go()
        await asyncio.sleep(SETTLING)
        before, cpu = await stage.usage(), cpu_of(worker.pid)
        await asyncio.sleep(size.seconds)
        spent, redis = cpu_of(worker.pid) - cpu, await stage.usage() - before
        worker.check()
    return {
        "queues.cpu": spent / size.seconds * PERCENT,
        "queues.redis_cpu": redis.cpu / size.seconds * PERCENT,
        "queues.commands": redis.commands / size.seconds,
    }


async def _sent(stage: Stage, seconds: float) -> int:
    """Return how many commands clients sent meanwhile; what scripts call is not sent."""
    sent = 0
    async with stage.redis.monitor() as monitor:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for command in monitor.listen():
                    sent += command["client_type"] != "lua"
    return sent


FAMILY = Family(
    "idle",
    (Figure("idle.commands", "commands that an idle worker sends", "/s", Goal("<=", 2)),),
    measure,
    seconds=12,
)

MANY_QUEUES = Family(
    "queues",
    (
        Figure("queues.cpu", "CPU of a worker idle in 200 queues", "%", Goal("<=", 1)),
        Figure("queues.redis_cpu", "… of Redis", "%"),
        Figure("queues.commands", "… Redis commands", "/s"),
    ),
    many_queues,
    seconds=18,
    part=SCALE,
)
