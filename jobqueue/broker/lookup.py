"""Reads jobs and queues for people. Nothing here changes anything."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import astuple

from jobqueue.broker.calls import Calls
from jobqueue.broker.facts import now_ms
from jobqueue.broker.keys import PRIORITIES, Keys, poison_scores
from jobqueue.broker.lanes import Lane
from jobqueue.broker.messages import Looked
from jobqueue.domain.jobs import Priority, Spec, State, unpack_spec
from jobqueue.domain.partitions import by_queue
from jobqueue.domain.views import QueueView


class JobView(msgspec.Struct, frozen=True):
    """A job as Redis knows it; times in ms since the epoch, on the Redis clock.

    ``queue`` is the partition where its queue has some. ``spec`` is None when only the result is
    kept. ``result``, ``error`` and ``progress`` are JSON. ``place`` and
    ``entry`` name its entry in a stream, where it has one; ``token`` is that of its present or
    last delivery.
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
    result: str | None
    error: str | None
    progress: str | None
    place: str | None
    entry: str | None
    token: str | None


def newness(view: JobView) -> tuple[int, bool]:
    """Return what is larger for a later life of the same job: its run, and whether it lasts."""
    return view.run, not view.state.terminal


async def find(lane: Lane, calls: Calls, queues: Sequence[str], job_id: str) -> list[JobView]:
    """Return the jobs with this id; ids belong to a queue, so there may be several.

    Args:
        lane: Any free lane.
        calls: Makes the calls.
        queues: Where to look, in one round trip.
        job_id: The id.
    """
    answers = await lane.calls([calls.look(queue, job_id) for queue in queues])
    found = zip(queues, answers, strict=True)
    return [view(queue, job_id, looked) for queue, looked in found if looked.state]


def view(queue: str, job_id: str, looked: Looked) -> JobView:
    """Return a job from what was said of it."""
    record = looked.record
    place, entry, _, name, enqueued, spec = (None,) * 6 if record is None else astuple(record)
    return JobView(
        id=job_id,
        queue=queue,
        state=State(looked.state),
        name=name,
        priority=None if record is None else record.priority,
        enqueued_ms=enqueued,
        due_ms=looked.due_ms,
        run=looked.run,
        attempts=looked.attempts,
        deliveries=looked.deliveries,
        crashes=looked.crashes,
        worker=looked.worker,
        spec=None if spec is None else unpack_spec(spec),
        result=looked.result,
        error=looked.error,
        progress=looked.progress,
        place=place,
        entry=entry,
        token=looked.token,
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
            ("ZRANGE", keys.leases(name), 0, -1),
            *(("ZCOUNT", keys.poison(name), *poison_scores(p)) for p in PRIORITIES),
            *(("XLEN", stream) for stream in streams),
            *(("XRANGE", stream, "-", "+", "COUNT", 1) for stream in streams),
        ]
    )
    time, rows, bad, counts, workers = answers[:5]
    kept_back, (lengths, firsts) = answers[5:9], (answers[9:17], answers[17:])
    names = _names(counts)
    # Not the length of the schedule: rates that refill stand in it too.
    scheduled = sum(n.get(each, 0) for n in names.values() for each in ("scheduled", "retrying"))
    ready = dict(zip(map(Priority, PRIORITIES), kept_back, strict=True))
    for stream, length in zip(streams, lengths, strict=True):
        ready[Priority(int(stream[-1]))] += length
    since = [int(first[0][0].partition(b"-")[0]) for first in firsts if first]
    age = max(0, now_ms(time) - min(since)) if since else None
    held = [("HLEN", keys.running(name, worker.decode())) for worker in workers]
    running = sum(await lane.commands(held)) if held else 0
    return QueueView(name, ready, running, scheduled, int(rows or 0), bad, age, names)


def _names(counts: Mapping[bytes, bytes]) -> dict[str, dict[str, int]]:
    names: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for field, value in counts.items():
        state, _, name = field.decode().partition(":")
        if int(value):
            names[name][state] = int(value)
    return dict(names)
