"""What is in Redis when all is quiet and should not be: its baseline.

A key may stay when it has a lifetime, or when a living queue owns it and it is empty of jobs.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from redis import Redis

from jobqueue.broker.keys import QUEUE_KEYS, Keys
from scripts.faults.plan import QUEUES
from scripts.faults.stage import Stage

PREFIX = "jobqueue"
# What lives as long as the queue. How many entries of it may be there, and how they are counted.
KEPT: dict[str, tuple[str, int]] = {
    "ready:": ("XLEN", 0),
    "again:": ("XLEN", 0),
    "journal": ("XLEN", 0),
    "journal:size": ("GET", 0),
    "journal:rows": ("GET", 0),
    "wake": ("LLEN", 1),
    "wake:due": ("LLEN", 1),
    "counts": ("HLEN", 10_000),
    "rules": ("EXISTS", 1),
    "fired": ("HLEN", 1),
    "latest": ("HLEN", 1),
    "ledger": ("XLEN", 0),
    "leases": ("ZCARD", 100),  # of services that live
}
SHARED = ("queues", "services", "schedules")  # what no queue owns
UNENDED = ("ready", "running", "scheduled", "retrying", "blocked")


def found(stage: Stage) -> Iterator[str]:
    """Return a line for each thing that is left behind."""
    with closing(stage.servers.client()) as redis:
        for key in redis.scan_iter(count=1000):
            if problem := _problem(redis, key):
                yield f"{key}: {problem}"
        for queue in QUEUES:
            yield from _miscounted(redis, queue)


def busy(redis: Redis) -> list[str]:
    """Return what is still under way."""
    keys = Keys(PREFIX)
    with redis.pipeline(transaction=False) as pipe:
        for queue in QUEUES:
            pipe.hgetall(keys.counts(queue))
            pipe.xlen(keys.journal(queue))
            pipe.xlen(keys.ledger(queue))
        answers = pipe.execute()
    under_way = []
    each = zip(QUEUES, answers[::3], answers[1::3], answers[2::3], strict=True)
    for queue, counts, *left in each:
        jobs = sum(int(n) for field, n in counts.items() if field.partition(":")[0] in UNENDED)
        told = f"{jobs} jobs, {left[0]} records and {left[1]} occurrences in {queue}"
        under_way += [told] if jobs or any(left) else []
    return under_way


def _problem(redis: Redis, key: str) -> str | None:
    if redis.pttl(key) != -1 or key in {f"{PREFIX}:{name}" for name in SHARED}:
        return None
    part = key.partition("}:")[2]
    names = [
        name for name in QUEUE_KEYS if part == name or (name[-1:] == ":" and part.startswith(name))
    ]
    name = max(names, key=len, default="")
    if name not in KEPT:
        return "is left behind" if name else "is no key of ours"
    command, most = KEPT[name]
    ask: Any = redis.execute_command
    count = int(ask(command, key) or 0)
    return f"holds {count} where {most} are allowed" if count > most else None


def _miscounted(redis: Redis, queue: str) -> Iterator[str]:
    counts: Any = redis.hgetall(Keys(PREFIX).counts(queue))
    for field, count in counts.items():
        if field.partition(":")[0] in UNENDED and int(count):
            yield f"counts of {queue}: {count} {field}"
