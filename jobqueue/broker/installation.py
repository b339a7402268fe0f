"""Looks at all keys of one installation together. For tests: on a large server this is slow."""

from collections.abc import Iterator
from typing import Any

from jobqueue.broker.calls import Calls
from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import SyncLane
from jobqueue.broker.lookup import JobView, view
from jobqueue.broker.paging import SCANNED, beginning
from jobqueue.domain.jobs import State

_WAITING = (State.READY, State.BLOCKED, State.SCHEDULED, State.RETRYING)


def waiting(lane: SyncLane, keys: Keys) -> list[JobView]:
    """Return every job that waits: ready ones in the order of running, blocked ones, later ones."""
    found: list[JobView] = []
    calls = Calls(keys)
    for queue in sorted(name.decode() for name in lane.command("SMEMBERS", keys.queues)):
        start = keys.job(queue, "")
        for key in _scan(lane, start):
            job_id = key.removeprefix(start)
            looked = lane.call(calls.look(queue, job_id))
            if looked.state:
                found.append(view(queue, job_id, looked))
    return sorted((job for job in found if job.state in _WAITING), key=_turn)


def _turn(job: JobView) -> tuple[Any, ...]:
    if job.due_ms is not None:
        return (2, job.due_ms, job.enqueued_ms, job.id)
    if job.state is State.BLOCKED or job.place is None:
        return (1, job.enqueued_ms, job.id)
    kind, _, priority = job.place.partition(":")
    ms, _, number = (job.entry or "").partition("-")
    # A poisonous job has no entry: it comes first, as soon as a worker runs no other such job.
    return (0, priority, kind == "ready", int(ms or 0), int(number or 0))


def age(lane: SyncLane, keys: Keys, by_ms: int) -> None:
    """Take ``by_ms`` from the lifetime of every key that has one; those that it ends go at once."""
    for key in list(_scan(lane, f"{keys.prefix}:")):
        left = lane.command("PTTL", key)
        if left >= 0:
            lane.command("PEXPIRE", key, left - by_ms)


def remove(lane: SyncLane, keys: Keys) -> None:
    """Remove every key."""
    found = list(_scan(lane, f"{keys.prefix}:"))
    for first in range(0, len(found), SCANNED):
        # One by one on a cluster; elsewhere a round trip for each is still quick in a test.
        for key in found[first : first + SCANNED]:
            lane.command("UNLINK", key)


def _scan(lane: SyncLane, start: str) -> Iterator[str]:
    """Return the keys that begin with ``start``; one may come twice while others change."""
    seen: set[str] = set()
    for master in lane.masters():
        cursor: Any = 0
        while cursor is not None:
            step = ("SCAN", cursor, "MATCH", beginning(start), "COUNT", SCANNED)
            cursor, names = master.command(*step)
            for name in names:
                if (key := name.decode()) not in seen:
                    seen.add(key)
                    yield key
            cursor = int(cursor) or None
