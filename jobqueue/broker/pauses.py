"""Pauses of queues: where they stand, and how they come to hold.

What operators asked for stands in one hash (``paused``). What holds stands among the rules of
each queue and partition, where the fetches of all workers look anyhow. A worker that starts
looks into the hash once, for queues that nobody knew when everything was paused. Lifting takes the
note out of the hash first: a worker that has read it looks again when it has acted.
"""

from collections.abc import Mapping, Sequence

from jobqueue.broker import lookup, operations, presence
from jobqueue.broker.calls import Call
from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane
from jobqueue.broker.scripts import script
from jobqueue.domain.partitions import queue_of
from jobqueue.domain.pauses import EVERYTHING, Pause, label_of, pause_of, unpack_note


async def show(lane: Lane, keys: Keys) -> list[Pause]:
    """Return every pause that lasts, that of everything first."""
    notes = await _notes(lane, keys)
    return [pause_of(field, unpack_note(notes[field])) for field in sorted(notes)]


async def pause(lane: Lane, keys: Keys, field: str, note: str) -> None:
    """Keep all workers from taking jobs of a queue, or of every queue; running jobs go on.

    Args:
        lane: Any free lane.
        keys: Names of the installation's keys.
        field: The queue, or ``EVERYTHING``.
        note: By whom, since when and why.
    """
    await lane.call(Call(script("hold"), keys.paused, (field, note), lambda reply: reply))
    for place in await _places(lane, keys, field):
        await lane.call(operations.pause(keys, place, label_of(field), note))


async def resume(lane: Lane, keys: Keys, field: str) -> bool:
    """Lift a pause; say whether there was one."""
    found: int = await lane.command("HDEL", keys.paused, field)
    for place in await _places(lane, keys, field):
        found += await lane.call(operations.pause(keys, place, label_of(field), ""))
    return found > 0


async def hold(lane: Lane, keys: Keys, places: Mapping[str, Sequence[str]]) -> None:
    """Let the pauses hold for the places of some queues, which may be new."""
    before = await _notes(lane, keys)
    meant = {field: note for field, note in before.items() if field in {EVERYTHING, *places}}
    for field, note in meant.items():
        await _each(lane, keys, places, field, note)
    now = await _notes(lane, keys) if meant else {}
    for field, note in meant.items():
        if field not in now:  # lifted meanwhile, perhaps before we had paused anything
            await _each(lane, keys, places, field, "", only=note)


async def _each(
    lane: Lane,
    keys: Keys,
    places: Mapping[str, Sequence[str]],
    field: str,
    note: str,
    *,
    only: str = "",
) -> None:
    for queue, names in places.items():
        for name in names if field in {EVERYTHING, queue} else ():
            await lane.call(operations.pause(keys, name, label_of(field), note, only=only))


async def _notes(lane: Lane, keys: Keys) -> dict[str, str]:
    found: Mapping[bytes, bytes] = await lane.command("HGETALL", keys.paused)
    return {field.decode(): note.decode() for field, note in found.items()}


async def _places(lane: Lane, keys: Keys, field: str) -> list[str]:
    """Return where the jobs of a queue may be, or those of all queues that anybody knows.

    A queue that is split may have jobs that were enqueued when it was whole.
    """
    if field != EVERYTHING:
        return sorted({*await lookup.places(lane, keys, field), field})
    known = await lookup.queues(lane, keys)
    served = {
        queue
        for worker in await presence.services(lane, keys, "worker")
        for queue in worker["queues"]
    }
    return sorted({*known, *map(queue_of, known), *served})
