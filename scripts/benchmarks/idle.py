"""What an idle worker costs: the commands that it sends, and its CPU."""

import asyncio
from contextlib import suppress

from scripts.benchmarks.figures import Family, Figure, Goal, Size, Values
from scripts.benchmarks.processes import started
from scripts.benchmarks.stage import Stage

SETTLING = 3.0  # seconds after the start, when it says hello


async def measure(stage: Stage, size: Size) -> Values:
    """Watch a worker that has nothing to do."""
    async with started("worker", stage) as worker:
        worker.go()
        await asyncio.sleep(SETTLING)
        sent = await _sent(stage, size.seconds)
        worker.check()
    return {"idle.commands": sent / size.seconds}


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
)
