"""What an app runs by the clock: its schedules."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from jobqueue.client.declared import Job, JobCall, Schedulable
from jobqueue.client.options import Seconds
from jobqueue.domain.checks import checks_options
from jobqueue.domain.errors import ConfigurationError, InvalidJob
from jobqueue.domain.handlers import Handler, LockMode
from jobqueue.domain.ids import check_name
from jobqueue.domain.timing import Timing

if TYPE_CHECKING:
    from datetime import datetime

    from jobqueue.domain.schedules import DstName

J = TypeVar("J", bound=Schedulable)


class Scheduling:
    """Declares schedules."""

    def __init__(self) -> None:
        self._schedules: dict[str, tuple[Timing, JobCall[..., Any]]] = {}

    @checks_options("@app.cron")
    def cron(  # noqa: PLR0913 - each is an option of the schedule
        self,
        expression: str,
        *,
        name: str | None = None,
        lock: str | None = None,
        timezone: str = "UTC",
        dst: "DstName" = "once",
        seconds: bool = False,
        misfire: str = "one",
        overlap: str = "allow",
        jitter: Seconds = 0.0,
        start: "datetime | None" = None,
        end: "datetime | None" = None,
    ) -> Callable[[J], J]:
        """Enqueue a declared job by the calendar; write it above ``@app.job``.

        Args:
            expression: ``minute hour day month weekday``, or a word such as ``@daily``.
            name: The schedule's name; else the job's.
            lock: Lock key of its jobs.
            timezone: IANA name of the zone whose wall clock counts.
            dst: What happens where clocks are changed: ``once``, ``every`` or ``skip``.
            seconds: Whether the expression has a sixth field, the seconds, in front.
            misfire: What happens to occurrences that were missed: ``skip``, ``one``, ``all``
                or ``all(20)``; see :class:`Timing`.
            overlap: What happens while the job of the one before has not ended: ``allow``,
                ``skip`` or ``cancel``.
            jitter: By how long each occurrence is put off at most.
            start: There is no occurrence before it; aware.
            end: There is none from then on; aware.

        Raises:
            ConfigurationError: The expression, the zone or the name is wrong.
        """
        timing = Timing(
            cron=expression,
            timezone=timezone,
            dst=dst,
            seconds=seconds,
            start=start,
            end=end,
            misfire=misfire,
            overlap=overlap,
            jitter=jitter,
        )
        return self._schedule(timing, name, lock)

    @checks_options("@app.every")
    def every(  # noqa: PLR0913 - each is an option of the schedule
        self,
        interval: Seconds,
        *,
        name: str | None = None,
        lock: str | None = None,
        anchor: "datetime | None" = None,
        misfire: str = "one",
        overlap: str = "allow",
        jitter: Seconds = 0.0,
        start: "datetime | None" = None,
        end: "datetime | None" = None,
    ) -> Callable[[J], J]:
        """Enqueue a declared job at a fixed distance; write it above ``@app.job``.

        Args:
            interval: Seconds or a ``timedelta``.
            name: The schedule's name; else the job's.
            lock: Lock key of its jobs. A job has one interval for each lock key.
            anchor: An aware moment on the grid; else ``start``, else the Unix epoch.
            misfire: What happens to occurrences that were missed: ``skip``, ``one``, ``all``
                or ``all(20)``; see :class:`Timing`.
            overlap: What happens while the job of the one before has not ended: ``allow``,
                ``skip`` or ``cancel``.
            jitter: By how long each occurrence is put off at most.
            start: There is no occurrence before it; aware.
            end: There is none from then on; aware.

        Raises:
            ConfigurationError: The interval or the name is wrong, or the job has an
                interval with this lock key already.
        """
        timing = Timing(
            every=interval,
            anchor=anchor,
            start=start,
            end=end,
            misfire=misfire,
            overlap=overlap,
            jitter=jitter,
        )
        return self._schedule(timing, name, lock)

    def _schedule(self, given: Timing, name: str | None, lock: str | None) -> Callable[[J], J]:
        timing = given.normal()
        timing.rule()
        timing.policy()

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
            self._refuse_second(timing, call)
            _check_callable(label, job.handler, lock)
            self._schedules[label] = (timing, call)
            return job

        return declare

    def _refuse_second(self, timing: Timing, call: JobCall[..., Any]) -> None:
        """Refuse a second interval for one name and lock key: they would only double it."""
        if timing.every is None:
            return
        for label, (other, known) in self._schedules.items():
            same = known.name == call.name and known.lock == call.lock
            if same and other.every is not None:
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
