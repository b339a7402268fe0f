"""What an operator does to jobs and queues, as the operator log keeps it."""

from datetime import datetime
from typing import Any

import msgspec

from jobqueue.domain.codec import storable
from jobqueue.domain.errors import JobConflict
from jobqueue.domain.jobs import State

LONGEST_REASON = 1000  # bytes
_PROBLEMS = {  # who cancels a job that has ended has nothing left to do
    "jobs.delete": "it can't be deleted; cancel it first",
    "jobs.priority": "only a job that waits can get another priority",
    "jobs.run-now": "only a scheduled or retrying job can be made ready",
}


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One command, for one row.

    Args:
        operator: Who.
        action: What, as the command is called: ``dlq.retry``.
        reason: Why, in the operator's words; may be empty.
        queue: The queue that it was done to, if it was one.
        job_id: The job that it was done to, if it was one.
        filter: What chose the jobs of a command for many; None when they were named.
        details: Whatever else is worth knowing later; has a form in JSON.
    """

    operator: str
    action: str
    reason: str = ""
    queue: str | None = None
    job_id: str | None = None
    filter: dict[str, Any] | None = None
    details: dict[str, Any] = msgspec.field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """Return the row, in texts that PostgreSQL takes."""
        return {
            "operator": storable(self.operator, LONGEST_REASON),
            "action": self.action,
            "queue": self.queue,
            "job_id": self.job_id,
            "filter": self.filter,
            "reason": storable(self.reason, LONGEST_REASON) or None,
            "details": self.details or None,
        }


class By(msgspec.Struct, frozen=True):
    """Who gave a command, when and why, as the operator log keeps it."""

    operator: str
    at: datetime
    reason: str | None


class Swept(msgspec.Struct, frozen=True):
    """What a command for many jobs did, or would do.

    Args:
        waiting: Jobs that waited; they never run.
        running: Jobs that run; they were told.
    """

    waiting: int = 0
    running: int = 0

    def __add__(self, other: "Swept") -> "Swept":
        return Swept(self.waiting + other.waiting, self.running + other.running)

    def __bool__(self) -> bool:
        return self.waiting + self.running > 0


def conflict(action: str, job_id: str, state: State | str) -> JobConflict:
    """Return why an action can't be done to a job in this state, and what can."""
    if state == State.DEAD and action == "jobs.run-now":
        return JobConflict(job_id, State.DEAD, f"`jobqueue dlq retry {job_id}` puts it back")
    return JobConflict(job_id, state, _PROBLEMS.get(action, ""))
