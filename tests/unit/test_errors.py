"""Errors: one root, their fields survive pickling and copying, their text says what to do."""

import copy
import inspect
import pickle
from datetime import timedelta
from typing import Any

import pytest

import jobqueue
from jobqueue.domain import errors

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "NotReplicated": ("id-1", 0, 2, "its master keeps no append-only file"),
    "DuplicateJob": ("id-1", "id-2"),
    "EnqueueUncertain": ("id-1", "id-2", "id-3"),
    "IdempotencyConflict": ("id-1", "id-2"),
    "InvalidJob": ("delay", "-1 is out of range"),
    "JobConflict": ("id-1", "running", "cancel it first"),
    "JobFailed": ("id-1", "ValueError", "wrong", "Traceback …"),
    "QueueFull": ("default",),
    "RetryAfter": (5,),
    "ScheduleConflict": ("nightly", "it is declared in code"),
    "ScheduleNotFound": ("nightly", "user:42"),
    "Snooze": (timedelta(minutes=1),),
    "WorkerNotFound": ("host-1-abc",),
    "WorkerQuiet": ("host-1-abc",),
    "WorkerSilent": ("host-1-abc", "pause", 10.0),
    "_Delayed": (5,),
}
CLASSES = [
    each
    for each in vars(errors).values()
    if inspect.isclass(each) and issubclass(each, errors.JobQueueError)
]


def made(kind: type[errors.JobQueueError]) -> errors.JobQueueError:
    """Return an error of this class."""
    takes_id = issubclass(kind, errors._JobError)
    return kind(*ARGUMENTS.get(kind.__name__, ("id-1",) if takes_id else ()))


@pytest.mark.parametrize("kind", CLASSES)
def test_survives_the_way(kind: type[errors.JobQueueError]) -> None:
    """An error comes out of a pickle, and of a copy, with its class, text and fields."""
    error = made(kind)
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - our own
        assert type(other) is kind
        assert str(other) == str(error)
        assert vars(other) == vars(error)


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if kind.__name__[0] != "_"])
def test_public(kind: type[errors.JobQueueError]) -> None:
    """Every error can be caught by its name, and says when it is raised."""
    assert getattr(jobqueue, kind.__name__) is kind
    assert f"{kind.__module__}.{kind.__qualname__}" == f"jobqueue.{kind.__name__}"
    assert inspect.getdoc(kind)


def test_text() -> None:
    """The text names the thing."""
    assert str(made(errors.InvalidJob)) == "delay: -1 is out of range"
    assert str(made(errors.JobFailed)) == "job id-1 failed: ValueError: wrong"
    assert str(errors.EnqueueUncertain("id-1")).startswith("job id-1 may or may not")
    several = errors.EnqueueUncertain("id-1", "id-2", "id-3")
    assert (several.job_id, several.job_ids) == ("id-1", ("id-1", "id-2", "id-3"))
    assert str(several).startswith("job id-1 and 2 more (see job_ids) may or may not")
    assert str(made(errors.NotReplicated)).endswith(
        "as asked: its master keeps no append-only file"
    )
    late = errors.NotReplicated("id-1", 0, 2)
    assert str(late).endswith("as asked: 0 of 2 replicas confirmed it in time")


def test_timeout_is_one() -> None:
    """A waiter may catch Python's own error."""
    assert issubclass(errors.ResultTimeout, TimeoutError)


@pytest.mark.parametrize("kind", [errors.RetryAfter, errors.Snooze])
def test_delays(kind: type[errors.RetryAfter]) -> None:
    """Seconds or a ``timedelta``, as everywhere."""
    assert kind(1.5).delay == timedelta(seconds=1.5)
    assert kind(timedelta(hours=1)).delay == timedelta(hours=1)


@pytest.mark.parametrize("kind", [errors.RetryAfter, errors.Snooze])
@pytest.mark.parametrize("delay", [-1, timedelta(-1), float("nan"), "5", None, True])
def test_wrong_delays(kind: type[errors.RetryAfter], delay: Any) -> None:
    """What is no time from now on is refused where it is written, by the name of the class."""
    with pytest.raises(ValueError, match=f"^{kind.__name__}: .* write "):
        kind(delay)
