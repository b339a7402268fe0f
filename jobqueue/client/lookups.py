"""Finds jobs and counts queues, for people: Redis is asked first, then the history.

That order leaves no gap: Redis forgets a job only after the history has it. Nothing
here changes a job, and nothing here is on the way of one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from jobqueue.broker import hiding, lookup, presence
from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane
from jobqueue.broker.lookup import JobView
from jobqueue.broker.servers import Server
from jobqueue.domain.context import Progress
from jobqueue.domain.errors import (
    HistoryError,
    HistoryUnavailable,
    JobNotFound,
    JobQueueError,
    SchemaMismatch,
)
from jobqueue.domain.ids import check_job_id, check_queue
from jobqueue.domain.jobs import Spec, State
from jobqueue.domain.outcomes import Failure
from jobqueue.domain.partitions import by_queue, queue_of
from jobqueue.domain.redaction import mask
from jobqueue.domain.retry import Retry
from jobqueue.domain.views import ExecutionView, FoundJob, QueueView, together

_failure = msgspec.json.Decoder(Failure)
_progress = msgspec.json.Decoder(Progress)

_WAITING = (State.READY, State.SCHEDULED, State.RETRYING, State.BLOCKED)


class Lookups:
    """Answers questions about one installation.

    Args:
        server: Where Redis is.
        keys: Names of its keys.
        database_url: Where the history is; None asks Redis alone.
    """

    def __init__(self, server: Server, keys: Keys, database_url: str | None) -> None:
        self._server = server
        self._keys = keys
        self._database_url = database_url

    async def find(self, job_id: str, queue: str | None) -> list[FoundJob]:
        """Return the jobs with this id; see :meth:`JobQueue.find`."""
        check_job_id(job_id)
        views = await self._views(job_id, queue)
        rows, problem = await self._rows(job_id, queue)
        if problem is not None and not views:
            raise problem
        if not views and not rows:
            raise JobNotFound(job_id)
        return [
            _found(job_id, each, views.get(each), rows.get(each, []), problem)
            for each in sorted({*views, *rows})
        ]

    async def queue_counts(self, queue: str | None) -> list[QueueView]:
        """Return the counts of one queue or all; see :meth:`JobQueue.queue_counts`."""
        async with self._server.lane() as lane:
            found = by_queue(await self._places(lane, queue))
            return [
                together(name, [await lookup.queue(lane, self._keys, place) for place in places])
                for name, places in found.items()
            ]

    async def services(self, role: str | None = None) -> list[dict[str, Any]]:
        """Return what living services say of themselves.

        Args:
            role: ``worker``, ``scheduler`` or ``recorder``; None for all.
        """
        async with self._server.lane() as lane:
            return await presence.services(lane, self._keys, role)

    async def _places(self, lane: Lane, queue: str | None) -> list[str]:
        return await lookup.places(lane, self._keys, queue and check_queue(queue))

    async def _views(self, job_id: str, queue: str | None) -> dict[str, JobView]:
        async with self._server.lane() as lane:
            known = await self._places(lane, queue)
            found = await lookup.find(lane, self._keys, known, job_id) if known else []
            found = await hiding.applied(lane, self._keys, found)
        # A queue that was split since may have an earlier run of the job where it was whole.
        return {queue_of(view.queue): view for view in sorted(found, key=lookup.newness)}

    async def _rows(
        self, job_id: str, queue: str | None
    ) -> tuple[dict[str, list[ExecutionView]], JobQueueError | None]:
        """Return the rows by queue, or why there are none to be had."""
        if self._database_url is None:
            return {}, None
        from jobqueue.history import engine, queries  # who has no history needs no SQLAlchemy

        by_queue: defaultdict[str, list[ExecutionView]] = defaultdict(list)
        try:
            async with engine.opened(self._database_url, "client") as database:
                for row in await queries.executions(database, job_id, queue=queue):
                    by_queue[row.queue].append(row)
        except (HistoryError, HistoryUnavailable, SchemaMismatch) as error:
            return {}, error
        return by_queue, None


def _current(view: JobView | None, rows: Sequence[ExecutionView]) -> JobView | None:
    """Return what Redis knows of a job, unless the history knows of a later run."""
    outlived = view is not None and any(row.run > view.run for row in rows)
    return None if outlived else view


def _found(
    job_id: str,
    queue: str,
    view: JobView | None,
    rows: Sequence[ExecutionView],
    problem: Exception | None,
) -> FoundJob:
    view = _current(view, rows)
    last = rows[-1] if rows else None
    known = _of_view(view, rows) if view else _of_row(rows[-1])
    # Redis keeps no more than the result of a job that has ended; the rest is in its rows.
    for name, value in _of_row(last).items() if last else ():
        if known.get(name) is None:
            known[name] = value
    return FoundJob(
        id=job_id,
        queue=queue,
        executions=tuple(rows),
        history_problem=None if problem is None else str(problem),
        **known,
    )


def _of_view(view: JobView, rows: Sequence[ExecutionView]) -> dict[str, Any]:
    begun = view.state is State.RUNNING or view.state.terminal
    ended = [row.attempt for row in rows if row.run == view.run and row.final]
    return {
        "state": view.state,
        "name": view.name,
        "priority": view.priority,
        "run": view.run,
        # Redis counts an attempt when the next one is due, not when the last one has ended.
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


def _json(raw: bytes | None) -> Any:
    return None if raw is None else msgspec.json.decode(raw)


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)


def unknown_names(
    queues: Sequence[QueueView], workers: Sequence[Mapping[str, Any]]
) -> list[tuple[str, str, int]]:
    """Return queue, name and number of the jobs that wait for code that no worker has.

    Args:
        queues: The queues with their counts by name.
        workers: What living workers say of themselves.
    """
    declared: defaultdict[str, set[str]] = defaultdict(set)
    for worker in workers:
        for queue in worker["queues"]:
            declared[queue] |= set(worker["names"])
    return [
        (queue.name, name, waiting)
        for queue in queues
        for name, states in sorted(queue.names.items())
        if name not in declared[queue.name] and (waiting := _waiting(states))
    ]


def unserved(queues: Sequence[QueueView], workers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the queues of which living workers serve the whole, and none the partitions.

    Args:
        queues: The queues with their counts.
        workers: What living workers say of themselves.
    """
    whole = {queue for worker in workers for queue in worker["queues"]}
    split = {queue for worker in workers for queue in worker.get("partitions", ())}
    return [each.name for each in queues if each.partitions and each.name in whole - split]


def _waiting(states: Mapping[str, int]) -> int:
    return sum(states.get(state, 0) for state in _WAITING)
