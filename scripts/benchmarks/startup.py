"""How long a new producer process takes to begin, Python's own start left out."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from statistics import median

from scripts.benchmarks.figures import Broken, Family, Figure, Goal, Size, Values
from scripts.benchmarks.stage import Stage

TIMES = 5
PACKAGES = {"jobqueue": "own", "msgspec": "msgspec", "typing_extensions": "msgspec"}
IMPORT = """
import time
start = time.perf_counter()
import jobqueue
print(time.perf_counter() - start)
"""
BEGIN = "here it begins"  # behind Python's own start
SHARES = f"import sys; print({BEGIN!r}, file=sys.stderr); import jobqueue"
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
    whole = await _median(IMPORT)
    _, log = await _said("-X", "importtime", "-c", SHARES)
    shares = _shares(log)
    return {
        "startup.import": whole,
        **{f"startup.import.{name}": whole * share for name, share in shares.items()},
        "startup.first": await _median(ENQUEUE, stage.redis_url),
    }


def _shares(log: str) -> dict[str, float]:
    """Return which part of an import is our own, msgspec's, and of Python's library."""
    spent: Counter[str] = Counter()
    for line in log.partition(BEGIN)[2].splitlines():
        if line.startswith("import time:"):
            own, _, name = line.removeprefix("import time:").split("|")
            package = name.strip().partition(".")[0]
            spent[PACKAGES.get(package, "python")] += int(own)
    return {name: spent[name] / spent.total() for name in ("own", "msgspec", "python")}


async def _median(code: str, *arguments: str) -> float:
    """Return the median in ms of what a program prints in seconds."""
    printed = [(await _said("-c", code, *arguments))[0] for _ in range(TIMES)]
    return median(map(float, printed)) * 1000


async def _said(*arguments: str) -> tuple[str, str]:
    """Run Python; return what it printed, and what it said besides."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", *arguments, stdout=PIPE, stderr=PIPE
    )
    printed, said = (text.decode() for text in await process.communicate())
    if process.returncode:
        raise Broken(f"a new process ended with status {process.returncode}: {said}")
    return printed, said


FAMILY = Family(
    "startup",
    (
        Figure("startup.import", "import jobqueue", "ms", Goal("<=", 150)),
        Figure("startup.import.own", "… its own modules", "ms"),
        Figure("startup.import.msgspec", "… msgspec and typing_extensions", "ms"),
        Figure("startup.import.python", "… asyncio and what else is Python's own", "ms"),
        Figure("startup.first", "… and connect and enqueue a job", "ms"),
    ),
    measure,
    seconds=4,
)
