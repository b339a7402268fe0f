"""Pauses of queues: where they stand, and how they come to hold.

What operators asked for stands in one hash (``paused``). What holds stands among the rules of
each queue and partition, where the fetches of all workers look anyhow. A worker that starts
looks into the hash once, for queues that nobody knew when everything was paused. Lifting takes the
note out of the hash first: who has let it hold looks again, and lifts it where it has gone.
A node of a cluster that is away holds up nobody: the others are done, then the error is raised.
"""

from collections.abc import Iterable, Mapping, Sequence

from jobqueue.broker import lookup, operations, presence
from jobqueue.broker.calls import Call
from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane
from jobqueue.broker.messages import ruled
from jobqueue.broker.scripts import script
from jobqueue.domain.errors import BrokerUnavailable
from jobqueue.domain.partitions import queue_of
from jobqueue.domain.pauses import EVERYTHING, Pause, label_of, pause_of, unpack_note


async def show(lane: Lane, keys: Keys) -> list[Pause]:
    """Return every pause that lasts, that of everything first."""
    notes = await _notes(lane, keys)
    return [pause_of(field, unpack_note(notes[field])) for field in sorted(notes)]


async def find(lane: Lane, keys: Keys, field: str) -> Pause | None:
    """Return the pause of a queue, or of everything; None where nobody asked for one."""
    note: bytes | None = await lane.command("HGET", keys.paused, field)
    return None if note is None else pause_of(field, unpack_note(note))


async def holds(lane: Lane, keys: Keys, field: str) -> bool:
    """Whether a pause was asked for, or what is left of one may keep workers from some jobs."""
    if await find(lane, keys, field) is not None:
        return True
    for place in await _places(lane, keys, field):
        try:
            packed = await lane.command("GET", keys.rules(place))
        except BrokerUnavailable:
            return True
        if packed and label_of(field) in ruled.decode(packed):
            return True
    return False


async def pause(lane: Lane, keys: Keys, field: str, note: str) -> Pause:
    """Keep all workers from taking jobs of a queue, or of every queue; running jobs go on.

    Where there is a pause, that one stays as it is, and is brought to all places again.

    Args:
        lane: Any free lane.
        keys: Names of the installation's keys.
        field: The queue, or ``EVERYTHING``.
        note: By whom, since when and why.

    Returns:
        The pause that there is now.

    Raises:
        BrokerUnavailable: Some places can't be reached; it holds in the others.
    """
    stands = await lane.call(Call(script("hold"), keys.paused, (field, note), _text))
    places = await _places(lane, keys, field)
    try:
        await _set(lane, keys, places, field, stands)
    finally:
        if field not in await _notes(lane, keys):  # lifted meanwhile, perhaps before it held
            await _set(lane, keys, places, field, "", only=stands)
    return pause_of(field, unpack_note(stands))


def _text(reply: object) -> str:
    assert isinstance(reply, bytes)  # noqa: S101 - the script answers the note
    return reply.decode()


async def resume(lane: Lane, keys: Keys, field: str) -> bool:
    """Lift a pause; say whether there was one.

    Raises:
        BrokerUnavailable: Some places can't be reached; it is lifted in the others.
    """
    found: int = await lane.command("HDEL", keys.paused, field)
    return found + await _set(lane, keys, await _places(lane, keys, field), field, "") > 0


async def hold(lane: Lane, keys: Keys, places: Mapping[str, Sequence[str]]) -> None:
    """Let the pauses hold for the places of some queues, which may be new."""
    before = await _notes(lane, keys)
    meant = {field: note for field, note in before.items() if field in {EVERYTHING, *places}}
    for field, note in meant.items():
        await _set(lane, keys, _meant(places, field), field, note)
    now = await _notes(lane, keys) if meant else {}
    for field, note in meant.items():
        if field not in now:  # lifted meanwhile, perhaps before we had paused anything
            await _set(lane, keys, _meant(places, field), field, "", only=note)


def _meant(places: Mapping[str, Sequence[str]], field: str) -> list[str]:
    return [n for queue, names in places.items() if field in {EVERYTHING, queue} for n in names]


async def _set(
    lane: Lane, keys: Keys, places: Iterable[str], field: str, note: str, *, only: str = ""
) -> int:
    """Pause places, or lift that with an empty note; return how many were paused before."""
    found, away, silent = 0, list[BrokerUnavailable](), set[str]()
    for place in places:
        if lane.place(keys.base(place)) in silent:
            continue  # one timeout of a server is enough
        try:
            found += await lane.call(
                operations.pause(keys, place, label_of(field), note, only=only)
            )
        except BrokerUnavailable as error:
            away.append(error)
            silent |= {error.server} - {""}
    if away:
        raise away[0]
    return found


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
