"""What an app runs by the clock: its schedules."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from jobqueue.client.declared import Job, JobCall, Schedulable
from jobqueue.client.options import Seconds
from jobqueue.domain.checks import checks_options
from jobqueue.domain.errors import ConfigurationError, InvalidJob
from jobqueue.domain.handlers import Handler, LockMode
from jobqueue.domain.ids import check_name

if TYPE_CHECKING:
    from datetime import datetime

    from jobqueue.domain.schedules import DstName, Schedule

J = TypeVar("J", bound=Schedulable)


class Scheduling:
    """Declares schedules."""

    def __init__(self) -> None:
        self._schedules: dict[str, tuple[Schedule, JobCall[..., Any]]] = {}

    @checks_options("@app.cron")
    def cron(
        self,
        expression: str,
        *,
        name: str | None = None,
        lock: str | None = None,
        timezone: str = "UTC",
        dst: "DstName" = "once",
        seconds: bool = False,
    ) -> Callable[[J], J]:
        """Enqueue a declared job by the calendar; write it above ``@app.job``.

        Args:
            expression: ``minute hour day month weekday``, or a word such as ``@daily``.
            name: The schedule's name; else the job's.
            lock: Lock key of its jobs.
            timezone: IANA name of the zone whose wall clock counts.
            dst: What happens where clocks are changed: ``once``, ``every`` or ``skip``.
            seconds: Whether the expression has a sixth field, the seconds, in front.

        Raises:
            ConfigurationError: The expression, the zone or the name is wrong.
        """
        from jobqueue.domain.schedules import Cron

        rule = Cron(expression, timezone=timezone, dst=dst, seconds=seconds)
        return self._schedule(rule, name, lock)

    @checks_options("@app.every")
    def every(
        self,
        interval: Seconds,
        *,
        name: str | None = None,
        lock: str | None = None,
        anchor: "datetime | None" = None,
    ) -> Callable[[J], J]:
        """Enqueue a declared job at a fixed distance; write it above ``@app.job``.

        Args:
            interval: Seconds or a ``timedelta``.
            name: The schedule's name; else the job's.
            lock: Lock key of its jobs. A job has one interval for each lock key.
            anchor: An aware moment on the grid; else the Unix epoch.

        Raises:
            ConfigurationError: The interval or the name is wrong, or the job has an
                interval with this lock key already.
        """
        from jobqueue.domain.schedules import Every

        return self._schedule(Every(interval, anchor=anchor), name, lock)

    def _schedule(self, rule: "Schedule", name: str | None, lock: str | None) -> Callable[[J], J]:
        def declare(job: J) -> J:
            if not isinstance(job, Job):
                raise ConfigurationError(
                    "a schedule needs a declared job: write it above @app.job()"
                )
            try:
                label = check_name(job.name if name is None else name)
                call: JobCall[..., Any] = job.options(lock=lock)
            except InvalidJob as error:
                raise ConfigurationError(f"schedule: {error}") from error
            if label in self._schedules:
                raise ConfigurationError(f"schedule {label!r} exists twice; give one name='...'")
            self._refuse_second(rule, call)
            _check_callable(label, job.handler, lock)
            self._schedules[label] = (rule, call)
            return job

        return declare

    def _refuse_second(self, rule: "Schedule", call: JobCall[..., Any]) -> None:
        """Refuse a second interval for one name and lock key: they would only double it."""
        from jobqueue.domain.schedules import Every

        if not isinstance(rule, Every):
            return
        for label, (other, known) in self._schedules.items():
            same = known.name == call.name and known.lock == call.lock
            if same and isinstance(other, Every):
                lock = f" with the lock {call.lock!r}" if call.lock else ""
                raise ConfigurationError(
                    f"job {call.name!r}{lock} has an interval already, {label!r}"
                )


def _check_callable(label: str, handler: Handler, lock: str | None) -> None:
    """Look whether a handler can be called by a schedule, which gives it no arguments.

    Raises:
        ConfigurationError: It can't.
    """
    if handler.lock_mode is LockMode.REQUIRED and lock is None:
        raise ConfigurationError(
            f"schedule {label!r}: job {handler.name!r} needs a lock; write lock='...'"
        )
    try:
        handler.parameters.bind((), {})
    except InvalidJob as error:
        raise ConfigurationError(
            f"schedule {label!r}: {error}, and a schedule gives none"
        ) from error
