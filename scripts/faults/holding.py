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

GROUP = "workers"
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
    for stream in (stream for queue in QUEUES for stream in keys.streams(queue)):
        if redis.exists(stream):  # nobody has made the group before
            consumers: Any = redis.xinfo_consumers(stream, GROUP)
            yield from (each["name"] for each in consumers if each["pending"])
