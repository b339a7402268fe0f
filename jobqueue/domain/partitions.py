"""Queues that are split into partitions, so that one queue is not bound to one node of a cluster.

A partition is a queue of its own to the broker: ``email#3`` is the fourth of queue ``email``, and
has its own keys, lease, journal and order. People see ``email``; only keys and the calls of
scripts have the longer name. Which partition a job is in follows from its keys: its lock, else
its unique key, else its idempotency key, else its id. So whatever has one key is in one
partition, where scripts can keep their promises; keys of one job that lie in different ones are
refused. Keys that are to lie together share a part in braces, as on a cluster: ``{user:42}`` and
``invoice:{user:42}``.
"""

import re
import zlib
from collections import defaultdict
from collections.abc import Iterable

import msgspec

from jobqueue.domain.errors import ConfigurationError, InvalidJob
from jobqueue.domain.jobs import Asks, unpack_spec
from jobqueue.domain.suggest import shown

FEWEST, MOST = 2, 256
SHOWN = 10  # queues in a sentence
MARK = "#"  # no queue that anybody names has one

_TAG = re.compile(r"\{([^{}]+)\}")
# An id that is a uuid7 is unique by itself; every other may be enqueued a second time.
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def check_partitions(n: object) -> int:
    """Return ``n`` if a queue can have so many partitions.

    Raises:
        ConfigurationError: It can't.
    """
    if isinstance(n, bool) or not isinstance(n, int) or not FEWEST <= n <= MOST:
        raise ConfigurationError(
            f"partitions: {shown(n)}; write a whole number from {FEWEST} to {MOST}"
        )
    return n


def names_of(queue: str, n: int) -> list[str]:
    """Return the broker's queues of a queue with ``n`` partitions; 0 means that it is whole."""
    return [f"{queue}{MARK}{k}" for k in range(n)] or [queue]


def queue_of(name: str) -> str:
    """Return the queue that a partition belongs to; a whole queue is its own."""
    return name.partition(MARK)[0] if MARK in name else name


def by_queue(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the broker's queues of each queue, partitions in their order."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(names, key=_turn):
        found[queue_of(name)].append(name)
    return dict(found)


def shown_as(names: Iterable[str]) -> str:
    """Return broker's queues as people know them: ``email (3 partitions), reports``."""
    found = [
        queue + _counted(sum(MARK in name for name in parts))
        for queue, parts in by_queue(names).items()
    ]
    more = len(found) - SHOWN
    return ", ".join(found[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _counted(n: int) -> str:
    return f" ({n} partition{'s' * (n > 1)})" if n else ""


def _turn(name: str) -> tuple[str, int]:
    queue, _, number = name.partition(MARK)
    return queue, int(number or -1)


def place_of_key(queue: str, n: int, key: str) -> str:
    """Return the partition that a key lies in."""
    return f"{queue}{MARK}{_number(key, n)}"


def _number(key: str, n: int) -> int:
    tag = _TAG.search(key)
    return zlib.crc32((tag[1] if tag else key).encode()) % n


def place_of_job(queue: str, n: int, job_id: str, asks: Asks) -> str:
    """Return the partition of a job, or the queue itself where that is whole.

    Args:
        queue: The job's queue.
        n: How many partitions it has; 0 for a whole queue.
        job_id: The job's id.
        asks: What it asks of scripts.
    """
    if not n:
        return queue
    return place_of_key(queue, n, next(iter(_keys(asks).values()), job_id))


def check_job(queue: str, n: int, job_id: str, spec: bytes | None) -> None:
    """Look whether a job that is new fits a queue with ``n`` partitions.

    Raises:
        InvalidJob: Its keys lie in different ones, or it has limits, which count whole queues.
    """
    asks = asks_of(spec)
    if asks.keys:
        raise InvalidJob("queue", refused_limits(queue, n))
    keys = _keys(asks)
    if not _UUID7.fullmatch(job_id):
        keys["job_id"] = job_id
    places = {option: _number(key, n) for option, key in keys.items()}
    if len(set(places.values())) > 1:
        # Without the keys themselves: one may be made of an argument that nobody may see.
        found = ", ".join(f"{option} in {place}" for option, place in places.items())
        raise InvalidJob(
            next(reversed(places)),
            f"queue {queue!r} has {n} partitions, and keys of job {job_id} lie in different ones: "
            f"{found}; those that share a part in braces, such as {{user:42}}, lie together",
        )


def refused_limits(queue: str, n: int, name: str | None = None) -> str:
    """Return why a queue with ``n`` partitions takes no limits, or none of jobs of a name."""
    whose = "" if name is None else f"; job {name!r} has some"
    return f"queue {queue!r} has {n} partitions, and no limit can count over all of them{whose}"


def _keys(asks: Asks) -> dict[str, str]:
    """Return the keys of a job by the options that make them, the one that leads first."""
    keys = {"lock": asks.lock, "unique": asks.unique, "idempotency_key": asks.idem}
    return {option: key for option, key in keys.items() if key is not None}


def asks_of(spec: bytes | None) -> Asks:
    """Return what a packed spec asks of scripts; ``NOTHING`` where it asks for nothing."""
    try:
        return (unpack_spec(spec).asks if spec is not None else None) or NOTHING
    except msgspec.MsgspecError:  # a dead letter that nobody could read
        return NOTHING


NOTHING = Asks()


def named(name: str) -> dict[str, str | int]:
    """Return the fields that name one of the broker's queues in a line of the log."""
    queue, mark, number = name.partition(MARK)
    return {"queue": queue, "partition": int(number)} if mark else {"queue": queue}
