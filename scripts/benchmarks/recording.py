"""How fast a lone recorder copies a full journal to PostgreSQL.

Time runs from the first rows that have left the journal, so that neither the start of the
process nor its first connection is in it.
"""

import asyncio
import time

from jobqueue.recorder.recorder import BATCH
from scripts.benchmarks.draining import Load, check, drained
from scripts.benchmarks.figures import Broken, Family, Figure, Goal, Size, Values
from scripts.benchmarks.processes import Child, started
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.usage import MICRO, cpu_of

POLL = 0.005  # seconds
PATIENCE = 60.0  # seconds
FEWEST = 5 * BATCH  # records: several batches


async def measure(stage: Stage, size: Size) -> Values:
    """Drain without a recorder, then start one."""
    jobs = max(size.jobs, FEWEST)
    await drained(stage, Load(jobs))
    async with started("recorder", stage) as recorder:
        recorder.go()
        first = await _below(stage, jobs, recorder)
        cpu, start = cpu_of(recorder.pid), time.perf_counter()
        await _below(stage, 1, recorder)
        seconds, spent = time.perf_counter() - start, cpu_of(recorder.pid) - cpu
        check("rows arrived", await stage.rows(), jobs)
    if not first:
        raise Broken("all records were gone at once")
    return {"recorder.rows": first / seconds, "recorder.cpu": spent / first * MICRO}


async def _below(stage: Stage, bound: int, recorder: Child) -> int:
    """Wait until fewer records than ``bound`` are in the journal; return how many are."""
    deadline = time.monotonic() + PATIENCE
    while (left := await stage.journal()) >= bound:
        recorder.check()
        if time.monotonic() > deadline:
            raise Broken(f"{left} records are still in the journal after {PATIENCE:g} s")
        await asyncio.sleep(POLL)
    return left


FAMILY = Family(
    "recorder",
    (
        Figure("recorder.rows", "recorder alone, rows", "/s", Goal(">=", 40_000)),
        Figure("recorder.cpu", "… CPU of the recorder, a row", "µs"),
    ),
    measure,
    history=True,
)
