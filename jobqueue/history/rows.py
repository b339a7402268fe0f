"""Rows of ``job_executions`` as binary ``COPY`` takes them.

The hot path of the recorder: PostgreSQL's binary form is written from what the record holds,
with no datetime, UUID or decoded JSON in between. A timestamp is microseconds since 2000, a
jsonb is a version byte and the text, a uuid is its 16 bytes; so a column's type here is the
one whose binary form looks the same.
"""

from typing import Any

import msgspec

from jobqueue.domain.codec import storable
from jobqueue.domain.executions import Execution
from jobqueue.domain.fingerprints import fingerprint
from jobqueue.domain.jobs import SPEC_VERSION, Priority, Spec
from jobqueue.domain.partitions import queue_of
from jobqueue.domain.redaction import mask

EPOCH_MS = 946_684_800_000  # 2000-01-01 UTC
EPOCH_US = EPOCH_MS * 1000
JSONB = b"\x01"
UUID_BYTES = 16

LONGEST_NOTE = 500

_unpack_spec = msgspec.msgpack.Decoder(Spec).decode
_pack = msgspec.msgpack.encode
_labels = tuple(each.label for each in Priority)

# What a record can hold that has no form in a row.
UNFIT = (msgspec.MsgspecError, ValueError, OverflowError, IndexError)

COLUMNS = {
    "id": "bytea",
    "enqueued_at": "int8",
    "ready_at": "int8",
    "started_at": "int8",
    "finished_at": "int8",
    "retry_at": "int8",
    "run": "int4",
    "attempt": "int4",
    "delivery": "int4",
    "crashes": "int4",
    "priority": "text",
    "final": "bool",
    "job_id": "text",
    "queue": "text",
    "name": "text",
    "outcome": "text",
    "reason": "text",
    "worker": "text",
    "code_version": "text",
    "arguments": "bytea",
    "metadata": "bytea",
    "tags": "text[]",
    "result": "bytea",
    "error_type": "text",
    "error_message": "text",
    "traceback": "text",
    "error_fingerprint": "text",
}
TYPES = tuple(COLUMNS.values())

COPY = f"COPY jobqueue.job_executions ({', '.join(COLUMNS)}) FROM STDIN (FORMAT binary)"


def encode(record: Execution) -> tuple[Any, ...]:
    """Return the row of one record, in the order of ``COLUMNS``.

    Raises:
        Exception: One of ``UNFIT``: the record has no form as a row.
    """
    spec = _unpack_spec(record.spec)
    key = bytes.fromhex(record.id.replace("-", ""))
    if len(key) != UUID_BYTES:  # COPY would take it for a broken stream
        raise ValueError(f"{record.id!r} is no execution id")
    retry = record.retry_ms
    return (
        key,
        (record.enqueued_ms - EPOCH_MS) * 1000,
        (record.ready_ms - EPOCH_MS) * 1000,
        record.started_us - EPOCH_US if record.started_us else None,
        record.finished_us - EPOCH_US,
        None if retry is None else (retry - EPOCH_MS) * 1000,
        record.run,
        record.attempt,
        record.delivery,
        record.crashes,
        _labels[record.priority],
        record.final,
        record.job_id,
        queue_of(record.queue),
        record.name,
        record.outcome,
        record.reason or None,
        record.worker or None,
        record.code_version or None,
        JSONB + mask(spec.arguments, (*spec.redact, *record.redact)),
        None if spec.metadata is None else JSONB + spec.metadata,
        list(spec.tags) or None,
        None if record.result is None else JSONB + record.result,
        record.error_type,
        record.error_message,
        record.traceback,
        fingerprint(record.error_type, record.error_message, record.traceback),
    )


def stub(record: Execution, problem: str) -> Execution:
    """Return a record that PostgreSQL takes: same ids, times and outcome, without the data.

    Args:
        record: What PostgreSQL refused.
        problem: Why; it stands in for the arguments and the error's message.
    """
    note = storable(f"not stored: {problem}", LONGEST_NOTE)
    arguments = msgspec.json.encode({"jobqueue": note})
    texts = ("job_id", "queue", "name", "outcome", "worker", "code_version", "reason")
    return msgspec.structs.replace(
        record,
        spec=msgspec.Raw(_pack(Spec(SPEC_VERSION, None, arguments))),
        result=None,
        error_type=record.error_type and storable(record.error_type, LONGEST_NOTE),
        error_message=note,
        traceback=None,
        **{field: storable(getattr(record, field), LONGEST_NOTE) for field in texts},
    )
