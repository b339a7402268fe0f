"""What became of a job that has ended, in sentences; see :mod:`jobqueue.domain.reasons`."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobqueue.domain import fleet
from jobqueue.domain.jobs import State
from jobqueue.domain.letters import Deletion
from jobqueue.domain.operations import By
from jobqueue.domain.views import ExecutionView, FoundJob
from jobqueue.domain.why import Reason
from jobqueue.domain.wording import counted, moment

Said = Mapping[str, Any]


def reasons(
    job: FoundJob,
    living: Sequence[Said],
    rows: int | None,
    deletion: Deletion | None,
    by: By | None = None,
) -> list[Reason]:
    """Return how a job ended, and whether its row still waits for the recorder.

    Args:
        job: The job, with its rows.
        living: What services say of themselves.
        rows: How many rows wait in its queue's journal, its own among them; None when its row is
            in the history, or nobody knows of one.
        deletion: Who deleted its dead letter; None where nobody did.
        by: Who cancelled or purged it; None where nobody can say.
    """
    helps = f"jobqueue jobs show {shlex.quote(job.id)}"
    if job.state is None:
        text = "nobody knows: Redis no longer has it, and no row says how it ended"
        return [Reason(kind="unknown", text=text, command=helps)]
    last = next((row for row in reversed(job.executions) if row.final), None)
    words = _cancelled(last, by) if job.state is State.CANCELLED else _WORDS[job.state](job, last)
    at = None if last is None else last.finished_at
    when = f" at {moment(at)}" if at else ""
    if job.state is State.DEAD and deletion is None:
        helps = f"jobqueue dlq retry {shlex.quote(job.id)}"
    text = f"it {words[0]}{when}{words[1]}"
    if deletion is not None:
        text += f"; {deletion.text}"
    found = [Reason(kind=job.state.value, text=text, command=helps, at=at, worker=job.worker)]
    return found + ([] if rows is None else [_unrecorded(rows, living)])


def moving(job: FoundJob) -> Reason:
    """Return what to say of a job that is somewhere else at each look."""
    text = "it moves on faster than it can be looked at: it runs again and again"
    return Reason(kind="running", text=text, command=f"jobqueue jobs show {shlex.quote(job.id)}")


def _unrecorded(rows: int, living: Sequence[Said]) -> Reason:
    recorders = fleet.of_role(living, "recorder")
    text = "its row waits for the recorder"
    text += f", with {counted(rows - 1, 'other')}" if rows > 1 else ""
    text += "" if recorders else "; no recorder lives"
    command = "jobqueue health recorder" if recorders else "jobqueue recorder"
    return Reason(kind="unrecorded", text=text, command=command)


Words = tuple[str, str]  # before and after the time
_ENDED_BY_COMMAND = frozenset({"purged", "deleted"})  # reasons that say more than the outcome


def _succeeded(job: FoundJob, last: ExecutionView | None) -> Words:
    on = f" on worker {last.worker}" if last and last.worker else ""
    return "succeeded", f"{on}, in attempt {job.attempts}"


def _dead(job: FoundJob, last: ExecutionView | None) -> Words:
    reason = f"{last.reason} " if last and last.reason else ""
    after = f" ({reason}after {counted(job.attempts, 'attempt')})"
    error = "" if job.error is None else f": {job.error.type}: {job.error.message}"
    return "died", f"{after}{error}"


def _cancelled(last: ExecutionView | None, by: By | None) -> Words:
    word = last.reason if last and last.reason in _ENDED_BY_COMMAND else "cancelled"
    who = f" by {by.operator}" if by else ""
    why = f": {last.error_message}" if last and last.error_message else ""
    return f"was {word}", f"{who}{why}"


def _expired(*_: object) -> Words:
    return "expired", ", since it had not started by then"


_WORDS: dict[State, Callable[[FoundJob, ExecutionView | None], Words]] = {
    State.SUCCEEDED: _succeeded,
    State.DEAD: _dead,
    State.EXPIRED: _expired,
}
