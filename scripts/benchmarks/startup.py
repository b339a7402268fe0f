"""How long a new producer process takes to begin, Python's own start left out."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from statistics import median

from scripts.benchmarks.figures import Broken, Family, Figure, Goal, Size, Values
from scripts.benchmarks.stage import Stage

TIMES = 5
IMPORT = """
import time
start = time.perf_counter()
import jobqueue
print(time.perf_counter() - start)
"""
ENQUEUE = """
import sys, time
start = time.perf_counter()
from jobqueue import JobQueue, Settings
app = JobQueue(settings=Settings(redis_url=sys.argv[1]))
app.ref("noop").enqueue_sync(1)
print(time.perf_counter() - start)
"""


async def measure(stage: Stage, _size: Size) -> Values:
    """Do it in some new processes and return the medians."""
    return {
        "startup.import": await _median(IMPORT),
        "startup.first": await _median(ENQUEUE, stage.redis_url),
    }


async def _median(code: str, *arguments: str) -> float:
    """Return the median in ms of what a program prints in seconds."""
    return median([await _run(code, *arguments) for _ in range(TIMES)]) * 1000


async def _run(code: str, *arguments: str) -> float:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", code, *arguments, stdout=PIPE
    )
    printed, _ = await process.communicate()
    if process.returncode:
        raise Broken(f"a new process ended with status {process.returncode}")
    return float(printed)


FAMILY = Family(
    "startup",
    (
        Figure("startup.import", "import jobqueue", "ms", Goal("<=", 150)),
        Figure("startup.first", "… and connect and enqueue a job", "ms"),
    ),
    measure,
    seconds=4,
)
