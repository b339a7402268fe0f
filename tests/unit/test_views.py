"""What an execution of the history says of its job."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from jobqueue import ExecutionView, Failure, FoundJob, Priority, State

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def execution(**fields: Any) -> ExecutionView:
    """Return an attempt that succeeded within two seconds of waiting and three of work."""
    known: dict[str, Any] = dict.fromkeys(ExecutionView.__struct_fields__)
    known |= {"id": "e", "job_id": "j", "final": True, "outcome": "succeeded", "crashes": 0}
    known |= {"priority": Priority.HIGH, "ready_at": NOON, "enqueued_at": NOON}
    known |= {"started_at": NOON + timedelta(seconds=2), "finished_at": NOON + timedelta(seconds=5)}
    return ExecutionView(**known | fields)


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("succeeded", State.SUCCEEDED),
        ("failed", State.DEAD),
        ("timed_out", State.DEAD),
        ("lost", State.DEAD),
        ("cancelled", State.CANCELLED),
        ("expired", State.EXPIRED),
    ],
)
def test_state(outcome: str, state: State) -> None:
    """The last attempt of a run says how the job ended; another one says nothing."""
    assert execution(outcome=outcome).state is state
    assert execution(outcome=outcome, final=False).state is None


def test_failure() -> None:
    """An error has a type, and perhaps nothing else."""
    assert execution().failure is None
    assert execution(error_type="OSError").failure == Failure("OSError", "", "")
    whole = execution(error_type="OSError", error_message="down", traceback="at …")
    assert whole.failure == Failure("OSError", "down", "at …")


def test_durations() -> None:
    """Waiting ends and work begins with the start; what never started has neither."""
    assert (execution().wait_seconds, execution().run_seconds) == (2, 3)
    never = execution(started_at=None)
    assert (never.wait_seconds, never.run_seconds) == (None, None)


def test_what_was_found_is_data() -> None:
    """A found job compares by value, becomes JSON with its attempts, and can't be changed."""
    known: dict[str, Any] = dict.fromkeys(
        ("name", "priority", "worker", "enqueued_at", "due_at", "arguments")
    )
    job = FoundJob(
        id="j", queue="q", state=State.DEAD, run=0, attempts=1, deliveries=1, crashes=0, **known
    )
    assert replace(job) == job
    shown = msgspec.to_builtins(replace(job, executions=(execution(),)))
    assert shown["executions"][0]["outcome"] == "succeeded"
    assert "failure" not in shown["executions"][0]
