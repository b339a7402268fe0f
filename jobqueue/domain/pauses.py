"""Pauses: what operators keep workers from taking, and what a worker is told.

A pause says who asked for it, when and why; it lasts until somebody lifts it. Pauses of a
queue and of everything are two things: a queue that both hold needs both lifted.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

EVERYTHING = "*"  # no queue has this name

# The labels of a pause among the limits of a queue.
QUEUE_PAUSE, FULL_PAUSE = "pause:queue", "pause:all"


class Note(msgspec.Struct, frozen=True):
    """Who paused something, when and why; ``since_ms`` is since the epoch, on the Redis clock."""

    operator: str
    since_ms: int
    reason: str = ""


class Pause(msgspec.Struct, frozen=True):
    """A pause that lasts; ``queue`` is None where it holds every queue."""

    queue: str | None
    operator: str
    since: datetime
    reason: str


class Action(StrEnum):
    """What a worker can be told."""

    PAUSE = "pause"
    RESUME = "resume"
    QUIET = "quiet"


class Order(msgspec.Struct, frozen=True):
    """What a worker is told, and by whom."""

    action: Action
    note: Note


_note = msgspec.json.Decoder(Note)
_order = msgspec.json.Decoder(Order)


def pack(what: Note | Order) -> str:
    """Return a note or an order as Redis has it."""
    return msgspec.json.encode(what).decode()


def unpack_note(text: str | bytes) -> Note:
    """Return a note from what Redis has."""
    return _note.decode(text)


def unpack_order(text: str) -> Order | None:
    """Return what a worker is told; None for what is no order, or one of a later version."""
    try:
        return _order.decode(text)
    except msgspec.MsgspecError:
        return None


def pause_of(field: str, note: Note) -> Pause:
    """Return a pause for people; ``field`` is its queue, or ``EVERYTHING``."""
    queue = None if field == EVERYTHING else field
    since = datetime.fromtimestamp(note.since_ms / 1000, UTC)
    return Pause(queue, note.operator, since, note.reason)


def pause_of_worker(worker: Mapping[str, Any]) -> Pause | None:
    """Return how a worker is paused, from what it says of itself; None where it is not."""
    said = worker.get("paused")
    return None if said is None else pause_of(EVERYTHING, msgspec.convert(said, Note))


def label_of(field: str) -> str:
    """Return the label under which a pause stands among the limits of a queue."""
    return FULL_PAUSE if field == EVERYTHING else QUEUE_PAUSE
