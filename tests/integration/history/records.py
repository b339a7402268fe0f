"""Journal records as the worker writes them, for tests of the history."""

from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

import msgspec

from jobqueue.domain import executions
from jobqueue.domain.executions import Execution
from jobqueue.domain.jobs import SPEC_VERSION, Spec

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

_numbers = count(1)


def uuid7(moment: datetime = NOON, number: int | None = None) -> str:
    """Return an id minted at a moment; another one at each call unless numbered."""
    tail = next(_numbers) if number is None else number
    return str(UUID(int=(milliseconds(moment) << 80) | (7 << 76) | (2 << 62) | tail))


def milliseconds(moment: datetime) -> int:
    """Return a moment as Redis tells it."""
    return round(moment.timestamp() * 1000)


def packed(arguments: bytes = b'{"to":"a@example.com"}', **fields: Any) -> msgspec.Raw:
    """Return a packed spec."""
    return msgspec.Raw(msgspec.msgpack.encode(Spec(SPEC_VERSION, None, arguments, **fields)))


def record(moment: datetime = NOON, **fields: Any) -> Execution:
    """Return a record that was delivered at a moment, waited 20 ms and ran 1.5 ms."""
    now = milliseconds(moment)
    values: dict[str, Any] = {
        "version": executions.VERSION,
        "id": uuid7(moment),
        "job_id": f"job-{next(_numbers)}",
        "run": 0,
        "attempt": 1,
        "delivery": 1,
        "final": True,
        "outcome": "succeeded",
        "queue": "default",
        "name": "send_email",
        "priority": 2,
        "worker": "worker-1",
        "code_version": "",
        "enqueued_ms": now - 50,
        "ready_ms": now - 20,
        "started_us": now * 1000,
        "finished_us": now * 1000 + 1500,
        "spec": packed(),
    }
    return Execution(**(values | fields))


def dead(**fields: Any) -> Execution:
    """Return a record that makes its job a dead letter."""
    values: dict[str, Any] = {
        "outcome": "failed",
        "reason": "retries_exhausted",
        "attempt": 4,
        "error_type": "builtins.ValueError",
        "error_message": "no such address",
        "traceback": "Traceback (most recent call last): …",
    }
    return record(**(values | fields))
