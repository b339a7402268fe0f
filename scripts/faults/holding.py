"""Which worker has jobs in hand: to harm one that has none proves little."""

import time
from collections.abc import Iterator
from contextlib import closing
from random import Random
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from jobqueue.broker.keys import Keys
from scripts.faults.leftovers import PREFIX
from scripts.faults.plan import LEASE, QUEUES
from scripts.faults.registry import Injection
from scripts.faults.stage import WORKERS, Stage

LOOK = 0.02  # seconds
PATIENCE = 2 * LEASE  # until somebody holds a job; after a fault of the servers that takes a while


def victim(stage: Stage, random: Random, injection: Injection) -> str:
    """Choose a worker that holds a job; the fault begins when one does.

    The seed says who: that one is waited for. When it holds nothing for so long, the next one
    that does takes its place; where none does, the report says so.
    """
    chosen = random.choice(list(WORKERS))
    others = [name for name in WORKERS if name != chosen]
    deadline = time.monotonic() + PATIENCE
    with closing(stage.servers.client()) as redis:
        while True:
            late = stage.over or time.monotonic() > deadline
            holding = holders(redis)
            found = [n for n in (chosen, *others) if stage.crew.pid(n) in holding]
            if late or chosen in found:
                injection.began, injection.idle = time.time(), not found
                return [*found, chosen][0]
            stage.sleep(LOOK)


def holders(redis: Redis) -> set[int]:
    """Return the processes of the workers that own a delivery; none where Redis is away."""
    try:
        return {int(worker.rsplit("-", 2)[1]) for worker in _owners(redis)}
    except RedisError:  # another fault
        return set()


def _owners(redis: Redis) -> Iterator[str]:
    keys = Keys(PREFIX)
    for queue in QUEUES:
        workers: Any = redis.zrange(keys.leases(queue), 0, -1)
        yield from (name for name in map(_text, workers) if redis.exists(keys.running(queue, name)))


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
