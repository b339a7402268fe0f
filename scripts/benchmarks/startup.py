"""How long ``import jobqueue`` takes in a new process, Python's own start left out."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from statistics import median

from scripts.benchmarks.figures import Family, Figure, Size, Values
from scripts.benchmarks.stage import Stage

TIMES = 5
CODE = """
import time
start = time.perf_counter()
import jobqueue
print(time.perf_counter() - start)
"""


async def measure(_stage: Stage, _size: Size) -> Values:
    """Import it in some new processes and return the median."""
    seconds = [await _import() for _ in range(TIMES)]
    return {"startup.import": median(seconds) * 1000}


async def _import() -> float:
    process = await asyncio.create_subprocess_exec(sys.executable, "-P", "-c", CODE, stdout=PIPE)
    printed, _ = await process.communicate()
    return float(printed)


FAMILY = Family("startup", (Figure("startup.import", "import jobqueue", "ms"),), measure)
