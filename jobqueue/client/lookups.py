"""Finds jobs and counts queues, for people: Redis is asked first, then the history.

That order leaves no gap: Redis forgets a job only after the history has it. Nothing
here changes a job, and nothing here is on the way of one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from jobqueue.domain.errors import HistoryUnavailable, JobNotFound, SchemaMismatch
from jobqueue.domain.executions import DEAD_OUTCOMES
from jobqueue.domain.ids import check_job_id, check_queue
from jobqueue.domain.jobs import Priority, Spec, State
from jobqueue.domain.outcomes import Failure
from jobqueue.domain.retry import Retry

if TYPE_CHECKING:
    from jobqueue.broker.keys import Keys
    from jobqueue.broker.lanes import Server
    from jobqueue.broker.lookup import JobView, QueueView
    from jobqueue.history.queries import ExecutionRow

_failure = msgspec.json.Decoder(Failure)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundJob:
    """A job as Redis and the history know it together.

    Attributes:
        state: None where Redis has lost the job and the history has not seen its end.
        run: 0, and one more for each redrive.
        attempts: Counted runs since the last redrive, the present one included.
        deliveries: How often a worker got it since the last redrive.
        crashes: How often its worker died.
        worker: The worker that has or had it last.
        due_at: When a scheduled or retrying job becomes ready.
        timeout: Longest run of one attempt in seconds, if the job has its own.
        retry: The job's own policy; this and the other options are known to Redis alone.
        result_ttl: How long Redis keeps the result, in seconds, if the job says.
        result: What the handler returned.
        error: Why it died, or why its last attempt failed.
        executions: Its rows in the history, oldest first; empty without a database URL.
        history_problem: Why the history could not be asked.
    """

    id: str
    queue: str
    state: State | None
    name: str | None
    priority: Priority | None
    run: int
    attempts: int
    deliveries: int
    crashes: int
    worker: str | None
    enqueued_at: datetime | None
    due_at: datetime | None
    arguments: Any
    timeout: float | None = None
    retry: Retry | None = None
    result_ttl: float | None = None
    metadata: Any = None
    tags: Sequence[str] | None = None
    result: Any = None
    error: Failure | None = None
    executions: "Sequence[ExecutionRow]" = ()
    history_problem: str | None = None


class Lookups:
    """Answers questions about one installation.

    Args:
        server: Where Redis is.
        keys: Names of its keys.
        database_url: Where the history is; None asks Redis alone.
    """

    def __init__(self, server: "Server", keys: "Keys", database_url: str | None) -> None:
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

    async def queue_counts(self, queue: str | None) -> "list[QueueView]":
        """Return the counts of one queue or all; see :meth:`JobQueue.queue_counts`."""
        from jobqueue.broker import facts, lookup

        async with self._server.lane() as lane:
            known = [check_queue(queue)] if queue else await facts.queues(lane, self._keys.queues)
            return [await lookup.queue(lane, self._keys, name) for name in known]

    async def services(self, role: str | None = None) -> list[dict[str, Any]]:
        """Return what living services say of themselves.

        Args:
            role: ``worker``, ``scheduler`` or ``recorder``; None for all.
        """
        from jobqueue.broker import presence

        async with self._server.lane() as lane:
            return await presence.services(lane, self._keys, role)

    async def _views(self, job_id: str, queue: str | None) -> "dict[str, JobView]":
        from jobqueue.broker import facts, lookup

        async with self._server.lane() as lane:
            known = [check_queue(queue)] if queue else await facts.queues(lane, self._keys.queues)
            found = await lookup.find(lane, self._keys, known, job_id) if known else []
        return {view.queue: view for view in found}

    async def _rows(
        self, job_id: str, queue: str | None
    ) -> "tuple[dict[str, list[ExecutionRow]], HistoryUnavailable | SchemaMismatch | None]":
        """Return the rows by queue, or why there are none to be had."""
        if self._database_url is None:
            return {}, None
        from jobqueue.history import engine, queries

        by_queue: defaultdict[str, list[ExecutionRow]] = defaultdict(list)
        database = engine.create(self._database_url, "client")
        try:
            for row in await queries.executions(database, job_id, queue=queue):
                by_queue[row.queue].append(row)
        except (HistoryUnavailable, SchemaMismatch) as error:
            return {}, error
        finally:
            await database.dispose()
        return by_queue, None


def _found(
    job_id: str,
    queue: str,
    view: "JobView | None",
    rows: "Sequence[ExecutionRow]",
    problem: Exception | None,
) -> FoundJob:
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


def _of_view(view: "JobView", rows: "Sequence[ExecutionRow]") -> dict[str, Any]:
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
        **_of_spec(view.spec),
    }


def _of_spec(spec: Spec | None) -> dict[str, Any]:
    if spec is None:
        return {"arguments": None}
    return {
        "arguments": _json(spec.arguments),
        "timeout": _seconds(spec.timeout_ms),
        "retry": None if spec.retry is None else Retry.from_spec(spec.retry),
        "result_ttl": _seconds(spec.result_ttl_ms),
        "metadata": _json(spec.metadata),
        "tags": spec.tags or None,
    }


def _of_row(row: "ExecutionRow") -> dict[str, Any]:
    failed = row.error_type is not None
    return {
        "state": _state(row),
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
        "error": Failure(row.error_type or "", row.error_message or "", row.traceback or "")
        if failed
        else None,
    }


def _state(row: "ExecutionRow") -> State | None:
    if not row.final:
        return None
    return State.DEAD if row.outcome in DEAD_OUTCOMES else State(row.outcome)


def _json(raw: bytes | None) -> Any:
    return None if raw is None else msgspec.json.decode(raw)


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)


def unknown_names(
    queues: "Sequence[QueueView]", workers: Sequence[Mapping[str, Any]]
) -> list[tuple[str, str, int]]:
    """Return queue, name and number of the jobs that wait for code that no worker has.

    Args:
        queues: The queues with their counts by name.
        workers: What living workers say of themselves.
    """
    declared: defaultdict[str, set[str]] = defaultdict(set)
    for worker in workers:
        for queue in worker["queues"].split(","):
            declared[queue] |= set(worker["names"].split(","))
    return [
        (queue.name, name, waiting)
        for queue in queues
        for name, states in sorted(queue.names.items())
        if name not in declared[queue.name] and (waiting := _waiting(states))
    ]


def _waiting(states: Mapping[str, int]) -> int:
    return sum(states.get(state, 0) for state in (State.READY, State.SCHEDULED, State.RETRYING))
