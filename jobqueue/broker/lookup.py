"""Reads jobs and queues for people. Nothing here changes anything."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from jobqueue.broker.keys import PRIORITIES, Keys, poison_scores
from jobqueue.broker.lanes import Lane
from jobqueue.domain.errors import BrokerError
from jobqueue.domain.jobs import Priority, Spec, State
from jobqueue.domain.partitions import by_queue
from jobqueue.domain.views import QueueView

# A record is msgpack without a frame; b"\x96" in front makes it an array of six.
_WAITS = {
    "scheduled": State.SCHEDULED,
    "blocked": State.BLOCKED,
    "parked": State.BLOCKED,
}  # what a place says of a job that was never delivered
_record = msgspec.msgpack.Decoder(tuple[str, str, int, str, int, Spec])


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as Redis knows it; times in ms since the epoch, on the Redis clock.

    ``queue`` is the partition where its queue has some. ``spec`` is None when only the result is
    kept. ``result``, ``error`` and ``progress`` are JSON. ``place`` and
    ``entry`` name its entry in a stream, where it has one.
    """

    id: str
    queue: str
    state: State
    name: str | None
    priority: Priority | None
    enqueued_ms: int | None
    due_ms: int | None
    run: int
    attempts: int
    deliveries: int
    crashes: int
    worker: str | None
    spec: Spec | None
    result: bytes | None
    error: bytes | None
    progress: bytes | None
    place: str | None
    entry: str | None


def newness(view: JobView) -> tuple[int, bool]:
    """Return what is larger for a later life of the same job: its run, and whether it lasts."""
    return view.run, not view.state.terminal


async def find(lane: Lane, keys: Keys, queues: Sequence[str], job_id: str) -> list[JobView]:
    """Return the jobs with this id; ids belong to a queue, so there may be several.

    Args:
        lane: Any free lane.
        keys: Names of the installation's keys.
        queues: Where to look, in one round trip.
        job_id: The id.
    """
    commands: list[tuple[Any, ...]] = []
    for queue in queues:
        commands += [
            ("GET", keys.job(queue, job_id)),
            ("HGETALL", keys.state(queue, job_id)),
            ("ZSCORE", keys.scheduled(queue), job_id),
        ]
    answers = await lane.commands(commands)
    found = []
    for i, queue in enumerate(queues):
        record, live, due = answers[3 * i : 3 * i + 3]
        # A hash that holds nothing but waiters belongs to no job.
        if record is not None or b"state" in live:
            found.append(view(queue, job_id, record, live, due))
    return found


def view(
    queue: str, job_id: str, record: bytes | None, live: Mapping[bytes, bytes], due: float | None
) -> JobView:
    """Return a job from its record, its changing fields and its time in the schedule."""
    place = entry = name = spec = None
    enqueued = 0
    if record is not None:
        place, entry, _flags, name, enqueued, spec = _record.decode(b"\x96" + record)
    state = live.get(b"state", b"").decode()
    waiting = _WAITS.get(place[:-2], State.READY) if place else State.READY
    return JobView(
        id=job_id,
        queue=queue,
        state=State(state) if state else waiting,
        name=name,
        priority=Priority(int(place[-1])) if place else None,
        enqueued_ms=enqueued or None,
        due_ms=None if due is None else int(due),
        run=int(live.get(b"run", 0)),
        attempts=int(live.get(b"attempts", 0)),
        # The first delivery leaves its token alone.
        deliveries=int(live.get(b"deliveries", b"token" in live)),
        crashes=int(live.get(b"crashes", 0)),
        worker=live.get(b"worker", b"").decode() or None,
        spec=spec,
        result=live.get(b"result"),
        error=live.get(b"error"),
        progress=live.get(b"progress"),
        place=place,
        entry=entry,
    )


async def queues(lane: Lane, keys: Keys) -> list[str]:
    """Return every queue that has ever had a job; of one that is split, its partitions."""
    return sorted(name.decode() for name in await lane.command("SMEMBERS", keys.queues))


async def places(lane: Lane, keys: Keys, queue: str | None) -> list[str]:
    """Return where jobs of a queue may be, of all queues for None; at least the queue itself."""
    found = await queues(lane, keys)
    return found if queue is None else by_queue(found).get(queue, [queue])


async def queue(lane: Lane, keys: Keys, name: str) -> QueueView:
    """Return the counts of one queue or partition."""
    streams = keys.streams(name)
    answers = await lane.commands(
        [
            ("TIME",),
            ("GET", keys.journal_rows(name)),
            ("XLEN", keys.journal_bad(name)),
            ("HGETALL", keys.counts(name)),
            *(("ZCOUNT", keys.poison(name), *poison_scores(p)) for p in PRIORITIES),
            *(("XLEN", stream) for stream in streams),
        ]
    )
    time, rows, bad, counts = answers[:4]
    names = _names(counts)
    # Not the length of the schedule: rates that refill stand in it too.
    scheduled = sum(n.get(each, 0) for n in names.values() for each in ("scheduled", "retrying"))
    journal = int(rows or 0)
    now = int(time[0]) * 1000 + int(time[1]) // 1000
    ready = {Priority(p): answers[4 + p] for p in PRIORITIES}
    running, oldest = 0, None
    for stream, length in zip(streams, answers[8:], strict=True):
        pending, last = await _group(lane, stream) if length else (0, "0")
        # Never the group's lag: it is unknown once a waiting entry was deleted.
        ready[Priority(int(stream[-1]))] += length - pending
        running += pending
        if length > pending:
            first = await lane.command("XRANGE", stream, f"({last}", "+", "COUNT", 1)
            if first:
                since = int(first[0][0].partition(b"-")[0])
                oldest = since if oldest is None else min(oldest, since)
    age = None if oldest is None else max(0, now - oldest)
    return QueueView(name, ready, running, scheduled, journal, bad, age, names)


async def _group(lane: Lane, stream: str) -> tuple[int, str]:
    try:
        groups = await lane.command("XINFO", "GROUPS", stream)
    except BrokerError:  # the stream went away between two commands
        return 0, "0"
    for group in groups:
        if group[b"name"] == b"workers":
            return group[b"pending"], group[b"last-delivered-id"].decode()
    return 0, "0"


def _names(counts: Mapping[bytes, bytes]) -> dict[str, dict[str, int]]:
    names: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for field, value in counts.items():
        state, _, name = field.decode().partition(":")
        if int(value):
            names[name][state] = int(value)
    return dict(names)
