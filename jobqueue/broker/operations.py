"""The calls by which an operator changes what waits; see :mod:`jobqueue.broker.calls`.

Reasons go into rows as they are, so they are cut to what PostgreSQL takes.
"""

from collections.abc import Mapping, Sequence

import msgspec

from jobqueue.broker.calls import LONGEST_REASON, Call
from jobqueue.broker.keys import Keys
from jobqueue.broker.scripts import script
from jobqueue.domain.codec import storable


class Looked(msgspec.Struct, array_like=True, frozen=True):
    """What a sweep found: jobs that waited, jobs that run; and locks with others in line.

    ``journal_bytes`` is the size of the journal after it.
    """

    waited: int
    told: int
    lines: list[str]
    journal_bytes: int


_pack = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Looked)


def pause(keys: Keys, queue: str, label: str, note: str, *, only: str = "") -> Call[int]:
    """Pause a queue under a label; an empty note lifts that, or ``only`` the one with that note.

    Answers whether it was paused under the label before.
    """
    return Call(script("pause"), keys.base(queue), (label, note, only), _number)


def order(keys: Keys, queue: str, worker: str, text: str) -> Call[object]:
    """Tell a worker of a queue something."""
    return Call(script("order"), keys.base(queue), (worker, text), lambda reply: reply)


def delete(keys: Keys, queue: str, job_id: str, reason: str) -> Call[str]:
    """End a job that waits, forget the result of one that ended; answers its state before."""
    args = (job_id, storable(reason, LONGEST_REASON))
    return Call(script("delete"), keys.base(queue), args, _text)


def hasten(keys: Keys, queue: str, job_id: str) -> Call[str]:
    """Make a job ready now; answers its state before, "" for none."""
    return Call(script("hasten"), keys.base(queue), (job_id,), _text)


def prioritise(keys: Keys, queue: str, job_id: str, priority: int) -> Call[str]:
    """Give a job that waits another priority; answers its state before, "" for none."""
    args = (job_id, priority)
    return Call(script("prioritise"), keys.base(queue), args, _first)


def sweep(
    keys: Keys,
    queue: str,
    ids: Sequence[str],
    fits: Mapping[str, str | int | bool],
    *,
    ends: bool,
    word: str,
    reason: str,
) -> Call[Looked]:
    """Count those of some jobs that fit, or end them; see ``lua/sweep.lua``."""
    args = (_pack(ids), _pack(fits), int(ends), word, storable(reason, LONGEST_REASON))
    return Call(script("sweep"), keys.base(queue), args, _looked)


def _number(reply: object) -> int:
    assert isinstance(reply, int)  # noqa: S101 - scripts answer so; anything else is a bug here
    return reply


def _text(reply: object) -> str:
    assert isinstance(reply, bytes)  # noqa: S101 - see _number
    return reply.decode()


def _first(reply: object) -> str:
    assert isinstance(reply, list)  # noqa: S101 - see _number
    return _text(reply[0])


def _looked(reply: object) -> Looked:
    assert isinstance(reply, bytes)  # noqa: S101 - see _number
    return _decoder.decode(reply)
