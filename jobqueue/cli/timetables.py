"""How schedules and their occurrences look to people."""

from collections.abc import Sequence
from typing import Any

from jobqueue.cli import output
from jobqueue.cli.output import duration, line, moment, table
from jobqueue.domain.plans import Occurrence, ScheduleView, Upcoming
from jobqueue.domain.timing import Timing


def listed(found: Sequence[ScheduleView]) -> str:
    """Return a line for each schedule."""
    return table(("NAME", "WHEN", "JOB", "QUEUE", "NEXT", "FROM", "PAUSED"), map(_row, found))


def page(found: ScheduleView, past: Sequence[Occurrence]) -> str:
    """Return all about a schedule, and what became of its last occurrences."""
    return f"{output.fields(_fields(found))}\n\n{ledger(past)}"


def upcoming(found: Sequence[Upcoming]) -> str:
    """Return a line for each occurrence to come, and for each time that is left out."""
    rows = [(moment(e.occurrence), e.local, moment(e.due), e.note or None) for e in found]
    return table(("OCCURRENCE", "WALL CLOCK", "ENQUEUED", "NOTE"), rows)


def ledger(found: Sequence[Occurrence]) -> str:
    """Return a line for each occurrence that was settled."""
    headers = ("SCHEDULE", "OCCURRENCE", "OUTCOME", "REASON", "LATE", "JOB")
    return table(headers, map(_occurrence, found))


def _occurrence(each: Occurrence) -> tuple[Any, ...]:
    reason = "triggered" if each.triggered else each.reason
    if each.since is not None:
        reason = f"{reason}, all since {moment(each.since)}"
    late = duration(max(0.0, (each.decided_at - each.due_at).total_seconds()))
    return each.schedule, moment(each.occurrence), each.outcome, reason, late, each.job_id


def _row(each: ScheduleView) -> tuple[Any, ...]:
    origin = "code" if each.declared else "stored"
    where = (each.queue, moment(each.next_at))
    return each.name, each.timing.shown(), each.job, *where, origin, _paused(each)


def _paused(each: ScheduleView, since: str = "") -> str | None:
    """Return who has paused a schedule, and why; None where nobody did."""
    if each.paused_at is None:
        return None
    why = f": {each.pause_reason}" if each.pause_reason else ""
    return f"by {each.paused_by}{since}{why}"


def _fields(each: ScheduleView) -> list[tuple[str, Any]]:
    timing = each.timing
    return [
        ("name", each.name),
        ("when", timing.shown()),
        ("dst", timing.dst if timing.cron else None),
        ("paused", _paused(each, f" since {moment(each.paused_at)}")),
        ("next", moment(each.next_at) or ("never" if each.paused_at is None else None)),
        ("start", moment(timing.start)),
        ("end", moment(timing.end)),
        ("misfire", timing.misfire),
        ("overlap", timing.overlap),
        ("jitter", _jitter(timing)),
        ("job", each.job),
        ("queue", each.queue),
        ("priority", each.priority),
        ("lock", each.lock),
        ("arguments", line(each.arguments)),
        ("from", "code" if each.declared else "stored"),
        ("created", moment(each.created_at)),
        ("seen in code", moment(each.seen_at)),
    ]


def _jitter(timing: Timing) -> str | None:
    most = timing.policy().jitter
    return f"up to {duration(most.total_seconds())}" if most else None
