"""What waits in the queues of an app under test."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from jobqueue.domain import codec
from jobqueue.domain.instants import from_ms
from jobqueue.domain.jobs import Priority, State
from jobqueue.domain.partitions import queue_of
from jobqueue.testing.apps import App, calls_of, lane_to

if TYPE_CHECKING:
    from jobqueue.broker.lookup import JobView
    from jobqueue.client.declared import JobCall

NEAR = 1.0  # seconds by which a delay may differ: `run_at` is an absolute time


class EnqueuedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that waits.

    Attributes:
        arguments: By name, as JSON has them; those without a name are a list under ``"*"``.
        state: ``ready``, ``blocked`` (by a lock or a limit), ``scheduled`` or ``retrying``.
        due_at: When a scheduled or retrying job becomes ready, by the queue's clock.
    """

    id: str
    name: str
    queue: str
    priority: Priority
    arguments: Mapping[str, Any]
    state: State
    enqueued_at: datetime
    due_at: datetime | None

    @property
    def delay(self) -> float:
        """The seconds from its enqueueing until it is due; 0 for one that is ready."""
        return (self.due_at - self.enqueued_at).total_seconds() if self.due_at else 0.0

    def __str__(self) -> str:
        more = f", due {self.delay:g} s after its enqueueing" if self.due_at else ""
        shown = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        where = f"queue {self.queue!r}, {self.priority.label}, {self.state}"
        return f"{self.name}({shown})  {where}{more}"


def enqueued(app: App) -> list[EnqueuedJob]:
    """Return the jobs that wait: ready ones in the order of running, blocked ones, later ones.

    Those that run or have ended are not in it. It blocks for a moment, also in async code.

    Raises:
        ConfigurationError: The app is not connected to a test server.
    """
    from jobqueue.broker import installation

    calls = calls_of(app)
    with lane_to(app) as lane:
        return [_enqueued(job) for job in installation.waiting(lane, calls.keys)]


def assert_enqueued(
    app: App,
    job: "JobCall[..., Any] | str",
    arguments: Mapping[str, Any] | None = None,
    *,
    queue: str | None = None,
    priority: str | None = None,
    delay: float | timedelta | None = None,
    count: int | None = None,
) -> list[EnqueuedJob]:
    """Assert that a job waits; what is not given may be anything.

    Args:
        app: An app that is connected to a test server.
        job: The declared job, or its name.
        arguments: Some or all arguments by name, as you would pass them.
        queue: Its queue.
        priority: ``critical``, ``high``, ``normal`` or ``low``.
        delay: From its enqueueing until it is due, within a second; 0 for one that is ready.
        count: How many such jobs there are; 0 for none. Without it, at least one.

    Returns:
        The jobs that were meant.

    Raises:
        AssertionError: There are others; the message lists all that waits.
        ConfigurationError: The app is not connected to a test server.
    """
    name = job if isinstance(job, str) else job.name
    wanted = {key: _as_stored(value) for key, value in (arguments or {}).items()}
    waits = delay.total_seconds() if isinstance(delay, timedelta) else delay
    there = enqueued(app)
    found = [
        each
        for each in there
        if each.name == name
        and all(key in each.arguments and each.arguments[key] == wanted[key] for key in wanted)
        and queue in (None, each.queue)
        and priority in (None, each.priority.label)
        and (waits is None or abs(each.delay - waits) <= NEAR)
    ]
    if len(found) == count if count is not None else found:
        return found
    asked = {"queue": queue, "priority": priority, "delay": delay}
    raise AssertionError(_complaint(name, wanted, asked, count, len(found), there))


def _complaint(
    name: str,
    arguments: Mapping[str, Any],
    asked: Mapping[str, Any],
    count: int | None,
    found: int,
    there: Sequence[EnqueuedJob],
) -> str:
    shown = [f"{key}={value!r}" for key, value in arguments.items()]
    options = [f"{key}={value!r}" for key, value in asked.items() if value is not None]
    what = f"{name}({', '.join(shown)})" + (f" with {', '.join(options)}" if options else "")
    number = "none" if not found else str(found)
    wanted = "at least one" if count is None else str(count or "none")
    rows = "\n".join(f"  {each}" for each in there) if there else "  nothing"
    return f"expected {wanted} of {what}, found {number}; what waits:\n{rows}"


def _as_stored(value: object) -> object:
    return msgspec.json.decode(codec.encode(value))


def _enqueued(job: "JobView") -> EnqueuedJob:
    assert job.spec is not None  # noqa: S101 - a job that waits has its record
    assert job.name is not None  # noqa: S101 - see above
    assert job.priority is not None  # noqa: S101 - see above
    return EnqueuedJob(
        id=job.id,
        name=job.name,
        queue=queue_of(job.queue),
        priority=job.priority,
        arguments=msgspec.json.decode(job.spec.arguments),
        state=job.state,
        enqueued_at=from_ms(job.enqueued_ms or 0),
        due_at=from_ms(job.due_ms),
    )
