"""How fast a lone recorder copies a full journal to PostgreSQL.

Time runs from the first rows that have left the journal, so that neither the start of the
process nor its first connection is in it.
"""

import time
from typing import NamedTuple

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


class Copied(NamedTuple):
    """What it took to copy the rows that were left after the first batch, in seconds.

    Args:
        rows: That were copied.
        seconds: It took.
        recorder: CPU of the recorder.
        postgres: CPU of PostgreSQL.
        redis: CPU of Redis.
    """

    rows: int
    seconds: float
    recorder: float
    postgres: float
    redis: float


async def measure(stage: Stage, size: Size) -> Values:
    """Drain without a recorder, then start one."""
    jobs = max(size.jobs, FEWEST)
    await drained(stage, Load(jobs))
    async with started("recorder", stage) as recorder:
        found = await copied(stage, recorder, jobs)
    micros = MICRO / found.rows
    return {
        "recorder.rows": found.rows / found.seconds,
        "recorder.recorder_cpu": found.recorder * micros,
        "recorder.postgres_cpu": found.postgres * micros,
        "recorder.redis_cpu": found.redis * micros,
    }


async def copied(stage: Stage, recorder: Child, jobs: int) -> Copied:
    """Let a recorder empty the journal.

    Args:
        stage: The servers.
        recorder: It has not begun.
        jobs: How many records are there.

    Raises:
        Broken: It did not end, or does not add up.
    """
    recorder.go()
    first = await _below(stage, jobs, recorder)
    if not first:
        raise Broken("all records were gone at once")
    own, postgres, start = cpu_of(recorder.pid), stage.postgres_cpu(), time.perf_counter()
    redis = await stage.usage()
    await _below(stage, 1, recorder)
    seconds = time.perf_counter() - start
    own, postgres = cpu_of(recorder.pid) - own, stage.postgres_cpu() - postgres
    redis = await stage.usage() - redis
    check("rows arrived", await stage.rows(), jobs)
    return Copied(first, seconds, own, postgres, redis.cpu)


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
