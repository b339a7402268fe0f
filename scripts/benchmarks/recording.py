"""How fast a lone recorder copies a full journal to PostgreSQL.

Time runs from the first rows that have left the journal, so that neither the start of the
process nor its first connection is in it.
"""

import time

from jobqueue.recorder.recorder import BATCH
from scripts.benchmarks.draining import Load, check, drained
from scripts.benchmarks.figures import Broken, Family, Figure, Goal, Size, Values, cpu
from scripts.benchmarks.processes import Child, started
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.usage import MICRO, cpu_of
from scripts.benchmarks.waiting import until

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
        before, start = _spent(stage, recorder), time.perf_counter()
        redis = await stage.usage()
        await _below(stage, 1, recorder)
        seconds, after = time.perf_counter() - start, _spent(stage, recorder)
        redis = await stage.usage() - redis
        check("rows arrived", await stage.rows(), jobs)
    if not first:
        raise Broken("all records were gone at once")
    own, postgres = (now - then for now, then in zip(after, before, strict=True))
    return {
        "recorder.rows": first / seconds,
        "recorder.recorder_cpu": own / first * MICRO,
        "recorder.postgres_cpu": postgres / first * MICRO,
        "recorder.redis_cpu": redis.cpu / first * MICRO,
    }


def _spent(stage: Stage, recorder: Child) -> tuple[float, float]:
    return cpu_of(recorder.pid), stage.postgres_cpu()


async def _below(stage: Stage, bound: int, recorder: Child) -> int:
    """Wait until fewer records than ``bound`` are in the journal; return how many are."""
    left = bound

    async def done() -> bool:
        nonlocal left
        left = await stage.journal()
        return left < bound

    def late() -> str:
        return f"{left} records did not leave the journal"

    await until(done, PATIENCE, late, check=recorder.check, poll=POLL)
    return left


FAMILY = Family(
    "recorder",
    (
        Figure("recorder.rows", "recorder alone, rows", "/s", Goal(">=", 40_000)),
        *cpu("recorder", "recorder", "postgres", "redis", of="a row"),
    ),
    measure,
    seconds=12,
    history=True,
)
