"""Schedules as PostgreSQL keeps them; their occurrences, past and to come."""

from datetime import datetime
from typing import Any

import msgspec

from jobqueue.domain.timing import Timing


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stored schedule, with all that a scheduler needs to fire it.

    Args:
        name: Its name.
        job: Name of its jobs.
        queue: Their queue.
        priority: Their priority, 0 (critical) to 3 (low).
        spec: Their packed spec.
        asks: Whether it holds something for scripts to obey.
        lock: Their lock key.
        timing: When it is due.
        declared: Whether code declares it, and PostgreSQL only knows of it.
        paused: Whether its occurrences are skipped.
        since: Occurrences up to this moment never fire.
    """

    name: str
    job: str
    queue: str
    priority: int
    spec: bytes
    timing: Timing
    asks: bool = False
    lock: str | None = None
    declared: bool = False
    paused: bool = False
    since: datetime | None = None


class ScheduleView(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule.

    Args:
        name: Its name.
        job: Name of the jobs that it enqueues.
        queue: Their queue.
        priority: Their priority.
        lock: Their lock key.
        timing: When it is due.
        declared: Whether code declares it; else it was added at run time.
        arguments: Those of its jobs, by name, hidden ones masked; those without a name are a
            list under ``"*"``.
        paused_at: Since when its occurrences are skipped.
        paused_by: Who paused it.
        pause_reason: Why.
        created_at: When it was added, or first seen.
        seen_at: When a scheduler last saw it in code.
        next_at: Its next occurrence; None when none comes, and while it is paused.
    """

    name: str
    job: str
    queue: str
    priority: str
    lock: str | None
    timing: Timing
    declared: bool
    arguments: dict[str, Any]
    paused_at: datetime | None = None
    paused_by: str | None = None
    pause_reason: str | None = None
    created_at: datetime | None = None
    seen_at: datetime | None = None
    next_at: datetime | None = None


class Occurrence(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an occurrence of a schedule.

    Args:
        schedule: The schedule.
        occurrence: The moment at which its rule put it.
        due_at: When it was to be enqueued: later by its jitter.
        decided_at: When a scheduler did so, or skipped it, by Redis' clock.
        outcome: ``enqueued`` or ``skipped``.
        reason: Why it was skipped: ``paused``, ``missed``, ``overlap`` or ``unique``.
        job_id: The job that was enqueued.
        queue: Its queue.
        name: Its name.
        triggered: Whether an operator fired it.
        since: Where the row stands for all occurrences after this moment up to its own: so many
            were missed that they have no row each.
    """

    schedule: str
    occurrence: datetime
    due_at: datetime
    decided_at: datetime
    outcome: str
    reason: str | None
    job_id: str | None
    queue: str
    name: str
    triggered: bool
    since: datetime | None


class Upcoming(msgspec.Struct, frozen=True, kw_only=True):
    """An occurrence to come, or times of the wall clock at which there is none.

    Args:
        occurrence: The moment in UTC; None where clocks are changed and there is none.
        due: When it is enqueued: later by its jitter.
        local: The wall clock in the schedule's zone.
        note: What clocks do to it; else empty.
    """

    occurrence: datetime | None
    due: datetime | None
    local: str
    note: str = ""
