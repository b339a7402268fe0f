"""One finished delivery: a journal record in Redis, a row in PostgreSQL.

The field order is the wire format. Scripts write the same array and leave out
trailing fields, so new fields go to the end and have defaults.
"""

import msgspec

VERSION = 1


class Execution(msgspec.Struct, array_like=True, frozen=True):
    """What one delivery of a job came to.

    Times come from the Redis clock: milliseconds (``_ms``) or microseconds
    (``_us``) since the Unix epoch. Durations inside them were measured with the
    worker's monotonic clock, so a wrong host clock can't enter a row.
    """

    version: int
    id: str
    job_id: str
    run: int
    attempt: int
    delivery: int
    final: bool
    outcome: str
    queue: str
    name: str
    priority: int
    worker: str
    code_version: str
    enqueued_ms: int
    ready_ms: int
    started_us: int
    finished_us: int
    spec: msgspec.Raw
    reason: str = ""
    result: bytes | None = None
    error_type: str | None = None
    error_message: str | None = None
    traceback: str | None = None
    retry_ms: int | None = None
    crashes: int = 0
    redact: tuple[str, ...] = ()  # what the handler hides, beyond what the spec says

    @property
    def dead(self) -> bool:
        """Whether this row made the job a dead letter."""
        return self.final and self.outcome in DEAD_OUTCOMES


DEAD_OUTCOMES = frozenset({"failed", "timed_out", "lost"})

_decoder = msgspec.msgpack.Decoder(Execution)
_encoder = msgspec.msgpack.Encoder()

_raws = msgspec.msgpack.Decoder(list[msgspec.Raw])

pack = _encoder.encode
unpack = _decoder.decode


def split(entry: bytes) -> list[bytes]:
    """Return the records of one journal entry, as they are.

    Raises:
        msgspec.MsgspecError: It is no list.
    """
    return list(map(bytes, _raws.decode(entry)))
