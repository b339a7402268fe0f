"""Reads the records of stored jobs; every one, page by page, in bounded memory.

A job keeps the key of its record as long as it lives, wherever it moves meanwhile. So a walk
over these keys meets each job that was there all the time; walks over the places where jobs
wait may miss one that moves. A job may come twice while the server enlarges its table.
"""

from collections.abc import AsyncIterator, Collection, Sequence

import msgspec

from jobqueue.broker import paging
from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane
from jobqueue.broker.messages import Record
from jobqueue.domain.binding import Place, StoredJob
from jobqueue.domain.jobs import State
from jobqueue.domain.partitions import queue_of

PAGE = 100  # records in one answer; each may be as large as the arguments of a job

_decoder = msgspec.msgpack.Decoder(Record)


async def pages(
    lane: Lane, keys: Keys, queues: Collection[str] | None
) -> AsyncIterator[list[StoredJob]]:
    """Yield the jobs that have not ended, and dead ones that are not recorded yet.

    Args:
        lane: Nobody else uses it meanwhile.
        keys: Names of the installation's keys.
        queues: Only jobs of these; None for all.

    Raises:
        BrokerUnavailable: Redis, or a node of the cluster, can't be reached.
    """
    async for names in paging.names(lane, keys.job("*", "*")):
        ids = [each for name in names if (each := _split(keys, name, queues))]
        for first in range(0, len(ids), PAGE):
            yield await _read(lane, keys, ids[first : first + PAGE])


async def named(lane: Lane, keys: Keys, queue: str, ids: Sequence[str]) -> list[Record | None]:
    """Return the records of some jobs of a queue or partition; None for those that have gone."""
    raws = await lane.command("MGET", *(keys.job(queue, each) for each in ids)) if ids else []
    return [None if raw is None else _decode(raw) for raw in raws]


def _split(keys: Keys, key: str, queues: Collection[str] | None) -> tuple[str, str] | None:
    """Return queue and id of a record's key; None for other keys and other queues."""
    queue = keys.queue_of(key)
    start = keys.job(queue, "")
    # The key of a lock may look like it from its middle on.
    if not key.startswith(start) or not (queues is None or queue_of(queue) in queues):
        return None
    return queue, key.removeprefix(start)


async def _read(lane: Lane, keys: Keys, ids: Sequence[tuple[str, str]]) -> list[StoredJob]:
    answers = await lane.commands(
        [
            command
            for queue, job_id in ids
            for command in (
                ("GET", keys.job(queue, job_id)),
                ("HGET", keys.state(queue, job_id), "state"),
                ("HEXISTS", keys.succeeded(queue), job_id),
            )
        ]
    )
    rows = zip(ids, answers[::3], answers[1::3], answers[2::3], strict=True)
    jobs = (
        _job(queue_of(queue), job_id, record, state)
        for (queue, job_id), record, state, succeeded in rows
        if record is not None and not succeeded  # else it has just been recorded, or will be
    )
    return [job for job in jobs if job is not None]


def _decode(raw: bytes) -> Record:
    return _decoder.decode(b"\x96" + raw)  # an array of six, stored without its head


def _job(queue: str, job_id: str, raw: bytes, said: bytes | None) -> StoredJob | None:
    record = _decode(raw)
    state = State(said.decode()) if said else None
    if state is not None and state.terminal and state is not State.DEAD:
        return None
    where: Place = "waiting"
    # The record of a retry still names the place from which it was taken.
    if state in (State.SCHEDULED, State.RETRYING) or record.place.startswith("scheduled"):
        where = "scheduled"
    if state is State.DEAD:
        where = "dead"
    return StoredJob(id=job_id, queue=queue, name=record.name, place=where, spec=bytes(record.spec))
