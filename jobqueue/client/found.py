"""Puts together what Redis and the history know of a job."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from jobqueue.broker.lookup import JobView
from jobqueue.domain.context import Progress
from jobqueue.domain.executions import Execution
from jobqueue.domain.ids import minted
from jobqueue.domain.jobs import Priority, Spec, State
from jobqueue.domain.outcomes import Failure
from jobqueue.domain.partitions import queue_of
from jobqueue.domain.redaction import mask
from jobqueue.domain.retry import Retry
from jobqueue.domain.views import ExecutionView, FoundJob

_failure = msgspec.json.Decoder(Failure)
_progress = msgspec.json.Decoder(Progress)
_spec = msgspec.msgpack.Decoder(Spec)


def found(
    job_id: str,
    queue: str,
    view: JobView | None,
    rows: Sequence[ExecutionView],
    problem: Exception | None,
    away: Exception | None = None,
) -> FoundJob:
    """Return a job from what is known of it.

    Args:
        job_id: Its id.
        queue: Its queue.
        view: What Redis knows of it, if anything.
        rows: Its rows in the history, oldest first; not empty without a view.
        problem: Why the history could not be asked.
        away: Why Redis could not be asked.
    """
    view = current(view, rows)
    last = rows[-1] if rows else None
    known = _of_view(view, rows) if view else _of_row(rows[-1])
    # Redis keeps no more than the result of a job that has ended; the rest is in its rows.
    for name, value in _of_row(last).items() if last else ():
        if known.get(name) is None:
            known[name] = value
    if last is not None and last.final and not view:
        # One that was cancelled while it waited ends by a row of no delivery.
        known["deliveries"] = max(row.delivery for row in rows if row.run == last.run)
    return FoundJob(
        id=job_id,
        queue=queue,
        started_at=_started(view, rows),
        finished_at=_finished(view, rows),
        executions=tuple(rows),
        history_problem=None if problem is None else str(problem),
        redis_problem=None if away is None else str(away),
        **known,
    )


def row_of(record: Execution, hidden: Sequence[str] = ()) -> ExecutionView:
    """Return a record of the journal as the row that it will be.

    Args:
        record: The record.
        hidden: Names of arguments that nobody may see, beside those that it names.
    """
    spec = _spec.decode(record.spec)
    return ExecutionView(
        id=record.id,
        job_id=record.job_id,
        run=record.run,
        attempt=record.attempt,
        delivery=record.delivery,
        final=record.final,
        name=record.name,
        queue=queue_of(record.queue),
        priority=Priority(record.priority),
        outcome=record.outcome,
        reason=record.reason or None,
        error_type=record.error_type,
        error_message=record.error_message,
        traceback=record.traceback,
        arguments=_json(mask(spec.arguments, (*spec.redact, *record.redact, *hidden))),
        result=_json(record.result),
        metadata=_json(spec.metadata),
        tags=list(spec.tags) or None,
        enqueued_at=_exact(record.enqueued_ms * 1000),
        ready_at=_exact(record.ready_ms * 1000),
        started_at=_exact(record.started_us) if record.started_us else None,
        finished_at=_exact(record.finished_us),
        retry_at=_moment(record.retry_ms),
        worker=record.worker or None,
        code_version=record.code_version or None,
        crashes=record.crashes,
    )


def _started(view: JobView | None, rows: Sequence[ExecutionView]) -> datetime | None:
    if view is not None and view.state is State.RUNNING:
        return minted(view.token) if view.token else None
    return rows[-1].started_at if rows else None


def _finished(view: JobView | None, rows: Sequence[ExecutionView]) -> datetime | None:
    ended = rows and rows[-1].final and (view is None or view.state.terminal)
    return rows[-1].finished_at if ended else None


def current(view: JobView | None, rows: Sequence[ExecutionView]) -> JobView | None:
    """Return what Redis knows of a job, unless the history knows of a later run."""
    outlived = view is not None and any(row.run > view.run for row in rows)
    return None if outlived else view


def _of_view(view: JobView, rows: Sequence[ExecutionView]) -> dict[str, Any]:
    begun = view.state in {State.RUNNING, State.SUCCEEDED}
    if view.state in {State.CANCELLED, State.EXPIRED}:  # while it waited, or while it ran
        begun = view.deliveries > view.attempts
    ended = [row.attempt for row in rows if row.run == view.run and row.final]
    return {
        "state": view.state,
        "name": view.name,
        "priority": view.priority,
        "run": view.run,
        # Redis counts an attempt when the next one is due, or the job is dead, not when it ended.
        "attempts": ended[0] if ended else view.attempts + begun,
        "deliveries": view.deliveries,
        "crashes": view.crashes,
        "worker": view.worker,
        "enqueued_at": _moment(view.enqueued_ms),
        "due_at": _moment(view.due_ms),
        "result": _json(view.result),
        "error": None if view.error is None else _failure.decode(view.error),
        "progress": None if view.progress is None else _progress.decode(view.progress),
        **_of_spec(view.spec),
    }


def _of_spec(spec: Spec | None) -> dict[str, Any]:
    if spec is None:
        return {"arguments": None}
    return {
        "arguments": _json(mask(spec.arguments, spec.redact)),
        "timeout": _seconds(spec.timeout_ms),
        "retry": None if spec.retry is None else Retry.from_spec(spec.retry),
        "result_ttl": _seconds(spec.result_ttl_ms),
        "metadata": _json(spec.metadata),
        "tags": spec.tags or None,
    }


def _of_row(row: ExecutionView) -> dict[str, Any]:
    return {
        "state": row.state,
        "name": row.name,
        "priority": row.priority,
        "run": row.run,
        "attempts": row.attempt,
        "deliveries": row.delivery,
        "crashes": row.crashes,
        "worker": row.worker,
        "enqueued_at": row.enqueued_at,
        "due_at": None,
        "arguments": row.arguments,
        "metadata": row.metadata,
        "tags": row.tags,
        "result": row.result,
        "error": row.failure,
    }


def _json(raw: str | bytes | None) -> Any:
    return None if raw is None else msgspec.json.decode(raw)


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)


def _exact(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)


_EPOCH = datetime.fromtimestamp(0, UTC)
