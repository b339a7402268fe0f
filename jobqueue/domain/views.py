"""What users get when they ask: jobs, queues, attempts, dead letters.

One rule: these hold what was found and nothing that could ask again, so they can be
kept, compared and turned into JSON after every connection is closed.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from jobqueue.domain.context import Progress
from jobqueue.domain.errors import DeadLetterNotFound, RedriveConflict
from jobqueue.domain.executions import DEAD_OUTCOMES
from jobqueue.domain.jobs import Priority, State
from jobqueue.domain.outcomes import Failure
from jobqueue.domain.retry import Retry


class ExecutionView(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt in the history; comments on the SQL view ``v_executions`` explain each field."""

    id: str
    job_id: str
    run: int
    attempt: int
    delivery: int
    final: bool
    name: str
    queue: str
    priority: Priority
    outcome: str
    reason: str | None
    error_type: str | None
    error_message: str | None
    traceback: str | None
    arguments: Any
    result: Any
    metadata: Any
    tags: list[str] | None
    enqueued_at: datetime
    ready_at: datetime
    started_at: datetime | None
    finished_at: datetime
    retry_at: datetime | None
    worker: str | None
    code_version: str | None
    crashes: int
    error_fingerprint: str | None = None

    @property
    def state(self) -> State | None:
        """The state in which it left the job; ``None`` when it did not end the job's run."""
        if not self.final:
            return None
        return State.DEAD if self.outcome in DEAD_OUTCOMES else State(self.outcome)

    @property
    def failure(self) -> Failure | None:
        """Its error; ``None`` when there was none."""
        if self.error_type is None:
            return None
        return Failure(self.error_type, self.error_message or "", self.traceback or "")

    @property
    def wait_seconds(self) -> float | None:
        """From ready to started; ``None`` when no worker started it."""
        return None if self.started_at is None else _seconds(self.ready_at, self.started_at)

    @property
    def run_seconds(self) -> float | None:
        """From started to finished; ``None`` when no worker started it."""
        return None if self.started_at is None else _seconds(self.started_at, self.finished_at)


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A job that ended in failure, with all that it takes to run it again.

    ``run`` is the run that died; a redrive makes the next one. ``spec`` is the packed
    spec as the producer sent it; only a redrive reads it. ``error_fingerprint`` is a word that
    letters of one error share; ``closed_by`` is the row of the operator log that put the job
    back or deleted the letter; ``closed_operator`` and ``closed_reason`` say who did it and why,
    where one letter is asked for.
    """

    execution_id: str
    job_id: str
    run: int
    queue: str
    name: str
    priority: Priority
    attempts: int
    crashes: int
    outcome: str
    reason: str | None
    error_type: str | None
    error_message: str | None
    traceback: str | None
    arguments: Any
    metadata: Any
    tags: list[str] | None
    enqueued_at: datetime
    failed_at: datetime
    redriven_at: datetime | None
    deleted_at: datetime | None
    error_fingerprint: str | None = None
    closed_by: str | None = None
    closed_operator: str | None = None
    closed_reason: str | None = None
    spec: bytes = b""

    @property
    def is_open(self) -> bool:
        """Whether the job was neither put back nor deleted."""
        return self.redriven_at is None and self.deleted_at is None


class Retried(msgspec.Struct, frozen=True):
    """What became of one dead letter that was to run again.

    Attributes:
        id: The id that the caller gave.
        job_id: The job's id; the given id when there is no such letter.
        queue: Its queue; None when there is no such letter.
        error: Why it did not go back; None when it did.
    """

    id: str
    job_id: str
    queue: str | None
    error: DeadLetterNotFound | RedriveConflict | None


class LimitView(msgspec.Struct, frozen=True, kw_only=True):
    """One limit of a queue.

    Attributes:
        queue: The queue.
        label: Its name, such as ``rate:job:send_email``.
        kind: ``limit`` (at once), ``rate`` (starts within ``per``) or ``depth`` (waiting).
        job: Name of its jobs; None for all of the queue.
        keyed: Whether each key counts apart.
        n: How many.
        per: Period of a rate, in seconds.
        declared: What code says, as text; None when it says nothing.
        set: What an operator has set, as text; it counts before the other.
        used: Jobs that run, or starts within the last period; None where keys count apart.
        parked: Jobs that wait for it; None where keys count apart.
    """

    queue: str
    label: str
    kind: str
    job: str | None
    keyed: bool
    n: int
    per: float | None
    declared: str | None
    set: str | None
    used: int | None
    parked: int | None


class QueueView(msgspec.Struct, frozen=True):
    """How many jobs of a queue are where.

    ``ready`` is by priority. ``names`` is by job name, then state; succeeded and
    dead count since the queue began. ``oldest_ms`` is the age of the oldest ready job.
    ``partitions`` is how many it has; 0 for a queue that is whole. ``rate`` is how
    many attempts ended in a second, over the last minute, as living workers say; None where none
    serves it.
    """

    name: str
    ready: Mapping[Priority, int]
    running: int
    scheduled: int
    journal: int
    journal_bad: int
    oldest_ms: int | None
    names: Mapping[str, Mapping[str, int]]
    partitions: int = 0
    rate: float | None = None

    @property
    def blocked(self) -> int:
        """How many wait for a lock or a limit."""
        return sum(states.get("blocked", 0) for states in self.names.values())

    @property
    def eta(self) -> float | None:
        """Seconds until its ready jobs have run at this rate; None where that can't be said."""
        waiting = sum(self.ready.values())
        if not waiting:
            return 0.0
        return waiting / self.rate if self.rate else None


def together(name: str, parts: Sequence[QueueView]) -> QueueView:
    """Return the counts of a queue from those of its partitions, or of itself alone."""
    states: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for part in parts:
        for each, counts in part.names.items():
            states[each].update(counts)
    return QueueView(
        name,
        {priority: sum(part.ready[priority] for part in parts) for priority in Priority},
        sum(part.running for part in parts),
        sum(part.scheduled for part in parts),
        sum(part.journal for part in parts),
        sum(part.journal_bad for part in parts),
        max((part.oldest_ms for part in parts if part.oldest_ms is not None), default=None),
        {each: dict(counts) for each, counts in states.items()},
        sum(part.name != name for part in parts),
    )


class FoundJob(msgspec.Struct, frozen=True, kw_only=True):
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
        progress: How far a running job is, as it last said.
        started_at: When its present or last delivery was handed to a worker.
        finished_at: When it ended; None for one that has not, or whose row is not there yet.
        executions: Its rows in the history, oldest first; empty without a database URL, and in
            lists.
        history_problem: Why the history could not be asked.
        redis_problem: Why Redis could not be asked; a later run of the job would not be seen.
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
    progress: Progress | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    executions: Sequence[ExecutionView] = ()
    history_problem: str | None = None
    redis_problem: str | None = None


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()
