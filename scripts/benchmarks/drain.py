"""How fast workers empty a full queue: async and sync handlers, with and without history."""

from scripts.benchmarks import bare
from scripts.benchmarks.draining import Load, drained
from scripts.benchmarks.figures import SCALE, Family, Figure, Goal, Size, Values, cpu
from scripts.benchmarks.stage import Stage


async def without_history(stage: Stage, size: Size) -> Values:
    """Drain by one worker and by two; records stay in the journal."""
    one = await drained(stage, Load(size.jobs))
    two = await drained(stage, Load(size.jobs, workers=2))
    return {
        "drain.one": one.rate,
        "drain.two": two.rate,
        **one.costs("drain"),
        "drain.trips": one.redis.trips / size.jobs,
        "drain.calls": one.redis.calls / size.jobs,
        "drain.commands": one.redis.commands / size.jobs,
    }


async def in_threads(stage: Stage, size: Size) -> Values:
    """Drain sync handlers."""
    one = await drained(stage, Load(size.jobs // 2, "threaded"))
    return {"threads.one": one.rate, **one.costs("threads")}


async def with_history(stage: Stage, size: Size) -> Values:
    """Drain by one worker and by two while every row arrives in PostgreSQL."""
    one = await drained(stage, Load(size.jobs, recording=True))
    two = await drained(stage, Load(size.jobs, workers=2, recording=True))
    return {
        "history.one": one.rate,
        "history.two": two.rate,
        **one.costs("history"),
        "history.scheduler_cpu": one.micros(one.scheduler),
        "history.postgres_cpu": one.micros(one.postgres),
    }


async def sustained(stage: Stage, size: Size) -> Values:
    """Drain a great many while every row arrives in PostgreSQL."""
    one = await drained(stage, Load(size.many, recording=True))
    return {
        "sustained.one": one.rate,
        **one.costs("sustained"),
        "sustained.scheduler_cpu": one.micros(one.scheduler),
        "sustained.postgres_cpu": one.micros(one.postgres),
    }


FAMILY = Family(
    "drain",
    (
        Figure(
            "drain.one",
            "drain, one worker",
            "/s",
            goal=Goal(">=", 35_000),
            bare=bare.DRAIN,
            share=Goal(">=", 0.35),
        ),
        Figure("drain.two", "drain, two workers", "/s", bare=bare.DRAIN),
        Figure("drain.worker_cpu", "… CPU of the worker, a job", "µs", Goal("<=", 15)),
        Figure("drain.redis_cpu", "… CPU of Redis, a job", "µs", Goal("<=", 12)),
        Figure("drain.trips", "… round trips, a job", "", Goal("<=", 0.05)),
        Figure("drain.calls", "… script calls, a job", ""),
        Figure("drain.commands", "… Redis commands, those of scripts too, a job", ""),
    ),
    without_history,
    seconds=13,
)

THREADS = Family(
    "threads",
    (
        Figure("threads.one", "drain, sync handlers in threads", "/s", Goal(">=", 12_000)),
        *cpu("threads", "worker", "redis"),
    ),
    in_threads,
    seconds=8,
)

HISTORY = Family(
    "history",
    (
        Figure("history.one", "drain and record, one worker", "/s", Goal(">=", 15_000), bare.DRAIN),
        Figure("history.two", "drain and record, two workers", "/s", bare=bare.DRAIN),
        *cpu("history", "worker", "redis", "scheduler", "postgres"),
    ),
    with_history,
    seconds=22,
    history=True,
)

SUSTAINED = Family(
    "sustained",
    (
        Figure("sustained.one", "drain and record, a great many jobs", "/s", Goal(">=", 15_000)),
        *cpu("sustained", "worker", "redis", "scheduler", "postgres"),
    ),
    sustained,
    seconds=95,
    part=SCALE,
    history=True,
)
