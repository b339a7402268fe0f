"""How much of Redis' memory a waiting job takes, with arguments of 100 bytes of JSON."""

from scripts.benchmarks.figures import Family, Figure, Goal, Size, Values
from scripts.benchmarks.stage import Stage
from scripts.benchmarks.workload import Workload

ARGUMENTS = 100  # bytes of JSON
TEXT = "x" * (ARGUMENTS - len('{"text":""}'))

# Buffers of connections and of the file on their way; they come and go.
PASSING = ("mem_clients_normal", "mem_aof_buffer")


async def measure(stage: Stage, size: Size) -> Values:
    """Enqueue jobs that nobody takes and see what they add."""
    async with Workload(stage.redis_url) as workload:
        # The first job brings the script, the stream and the counters.
        await workload.padded.enqueue(TEXT)
    before = await used(stage)
    async with Workload(stage.redis_url) as workload:
        jobs = (workload.padded.prepare(TEXT) for _ in range(size.jobs))
        await workload.app.enqueue_many(jobs)
    return {"memory.waiting": (await used(stage) - before) / size.jobs}


async def used(stage: Stage) -> int:
    """Return the bytes that Redis has for data."""
    memory = await stage.redis.info("memory")
    return int(memory["used_memory"] - sum(memory[name] for name in PASSING))


FAMILY = Family(
    "memory",
    (Figure("memory.waiting", "memory of Redis, a waiting job", "bytes", Goal("<=", 350)),),
    measure,
    seconds=3,
)
