"""What became of the occurrences of schedules, and what schedules there are, as Redis keeps both.

``fire`` writes an entry in the same script that enqueues. It is dropped when PostgreSQL has it,
so that dying anywhere leaves it there to be copied once more, which changes nothing.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane
from jobqueue.broker.lookup import places
from jobqueue.broker.messages import Firing, Settled, settled, skipped
from jobqueue.domain.instants import from_ms, milliseconds
from jobqueue.domain.occurrences import Step
from jobqueue.domain.partitions import queue_of
from jobqueue.domain.plans import Occurrence, Plan

log = logging.getLogger("jobqueue.scheduler")

BATCH = 200  # entries at once; each may speak of up to a thousand occurrences
ROWS = 2000  # at once, or one entry: what PostgreSQL takes in a fraction of a second

_plans = msgspec.json.Decoder(list[Plan])


def firing(step: Step, overlap: str) -> Firing:
    """Return what ``fire`` is told of an occurrence, and of those that are skipped with it."""
    return Firing(
        milliseconds(step.occurrence),
        milliseconds(step.due),
        step.skip,
        overlap,
        why=step.why,
        since_ms=None if step.since is None else milliseconds(step.since),
        others=[milliseconds(other) for other in step.others],
    )


async def read(lane: Lane, keys: Keys, place: str) -> tuple[list[bytes], list[Occurrence]]:
    """Return the oldest entries of a queue: their ids, and a row for each occurrence."""
    found = await lane.command("XRANGE", keys.ledger(place), "-", "+", "COUNT", BATCH)
    entries, rows = list[bytes](), list[Occurrence]()
    for entry, fields in found or ():
        more = [*_rows(place, fields)]
        if entries and len(rows) + len(more) > ROWS:
            break
        entries.append(entry)
        rows += more
    return entries, rows


async def drop(lane: Lane, keys: Keys, place: str, entries: Sequence[bytes]) -> None:
    """Drop entries that PostgreSQL has."""
    await lane.command("XDEL", keys.ledger(place), *entries)


def _rows(place: str, fields: Any) -> Iterator[Occurrence]:
    found = dict(zip(fields[::2], fields[1::2], strict=True))
    try:
        entry, others = settled.decode(found[b"entry"]), skipped.decode(found[b"others"])
    except (KeyError, msgspec.MsgspecError) as error:
        log.error("ledger entry dropped", extra={"queue": place, "error": str(error)})  # noqa: TRY400 - its lines say nothing more
        return
    why, since_ms, before = others
    for n, ms in enumerate(before):
        row = _row(place, entry, ms, ms, "skipped", why)
        first = n == 0 and since_ms is not None
        yield msgspec.structs.replace(row, since=from_ms(since_ms or 0)) if first else row
    yield _row(place, entry, entry.time_ms, entry.due_ms, entry.outcome, entry.reason)


def _row(
    place: str, entry: Settled, time_ms: int, due_ms: int, outcome: str, reason: str
) -> Occurrence:
    return Occurrence(
        schedule=entry.schedule,
        occurrence=from_ms(time_ms),
        due_at=from_ms(due_ms),
        decided_at=from_ms(entry.now_ms),
        outcome=outcome,
        reason=reason or None,
        job_id=entry.job_id or None if outcome == entry.outcome else None,
        queue=queue_of(place),
        name=entry.name,
        triggered=bool(entry.triggered),
        since=None,
    )


async def forget(lane: Lane, keys: Keys, queue: str, names: Sequence[str]) -> None:
    """Drop what a queue and its partitions keep of schedules that fire there no more.

    One that still fires meanwhile, since its scheduler has not heard of it, leaves it once more.
    """
    for place in {queue, *await places(lane, keys, queue)}:
        for key in (keys.fired(place), keys.latest(place)):
            await lane.command("HDEL", key, *names)
    await lane.command("SREM", keys.moved(queue), *names)


async def plans(lane: Lane, keys: Keys) -> list[Plan]:
    """Return the schedules that PostgreSQL held when a scheduler last looked."""
    stored = await lane.command("GET", keys.schedules)
    try:
        return _plans.decode(stored) if stored else []
    except msgspec.MsgspecError as error:  # another version's
        log.warning("stored schedules can't be read", extra={"error": str(error)})
        return []


async def keep_plans(lane: Lane, keys: Keys, found: Sequence[Plan]) -> None:
    """Keep the schedules for schedulers that start while PostgreSQL is away."""
    await lane.command("SET", keys.schedules, msgspec.json.encode(found))
