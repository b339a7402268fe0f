"""What an app can do about stored schedules: add, look at, pause, fire and remove them.

Each form without ``_sync`` does the work; the other one is for programs without an event loop.
What changes schedules leaves a row in the operator log, and running schedulers go by it within
about a second.
"""

from abc import abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jobqueue.asking import Asking
from jobqueue.client.blocking import blocking
from jobqueue.client.declared import JobCall
from jobqueue.domain.plans import Occurrence, ScheduleView, Upcoming
from jobqueue.domain.timing import Timing

_POSITIONAL = "*"


class Planning(Asking):
    """The stored schedules of a :class:`JobQueue`."""

    @abstractmethod
    def ref(self, name: str) -> JobCall[..., Any]:
        """Return a job by name."""

    async def add_schedule(
        self,
        name: str,
        job: JobCall[..., Any] | str,
        timing: Timing,
        *,
        arguments: Mapping[str, Any] | None = None,
        replace: bool = False,
        reason: str = "",
        operator: str | None = None,
    ) -> None:
        """Store a schedule; running schedulers fire it from now on.

        Args:
            name: Its name.
            job: What it enqueues: a declared job, with options if need be, or a name.
            timing: When it is due, and what becomes of its occurrences.
            arguments: Those of its jobs by name; those without one are a list under ``"*"``.
            replace: Whether a stored schedule of this name may be changed.
            reason: Why, for the operator log.
            operator: Who, for the operator log; else the setting ``operator``.

        Raises:
            ConfigurationError: The name or the timing is wrong, or no database URL is set.
            InvalidJob: An argument or option of the job is wrong.
            ScheduleConflict: There is one of this name, or its job has an interval already.
            BrokerUnavailable: Redis can't be reached.
            HistoryUnavailable: PostgreSQL can't be reached.
            SchemaMismatch: The schema is wrong.
        """
        from jobqueue.client.planned import plan_of

        call = self.ref(job) if isinstance(job, str) else job
        named = dict(arguments or {})
        prepared = call.prepare(*named.pop(_POSITIONAL, ()), **named)
        plan = plan_of(name, timing.normal(), prepared, call.lock, declared=False)
        await self.services.plans().add(plan, reason, operator, replace=replace)

    add_schedule_sync = blocking(add_schedule)

    async def schedules(self) -> list[ScheduleView]:
        """Return all schedules by name: stored ones, and those in code that schedulers have run.

        Raises:
            ConfigurationError: No database URL is set.
            HistoryUnavailable: PostgreSQL can't be reached.
            SchemaMismatch: The schema is wrong.
        """
        return await self.services.plans().every()

    schedules_sync = blocking(schedules)

    async def next_occurrences(
        self, name: str, n: int = 10, *, after: datetime | None = None
    ) -> list[Upcoming]:
        """Return the next occurrences of a schedule, and what clock changes do to them.

        Args:
            name: The schedule.
            n: How many, at most 1,000; times that are left out come on top.
            after: The moment from which to look; else now.

        Raises:
            ScheduleNotFound: There is none of this name.
            InvalidJob: ``n`` is out of bounds.
            ConfigurationError: No database URL is set.
            HistoryUnavailable: PostgreSQL can't be reached.
        """
        return await self.services.plans().upcoming(name, n, after)

    next_occurrences_sync = blocking(next_occurrences)

    async def pause_schedule(
        self, name: str, *, reason: str = "", operator: str | None = None
    ) -> ScheduleView | None:
        """Skip the occurrences of a schedule, stored or in code, until it is resumed.

        One that is paused already stays so, by whom and why it was.

        Args:
            name: The schedule.
            reason: Why, for all who look at it and for the operator log.
            operator: Who; else the setting ``operator``.

        Returns:
            The schedule as it is, where it was paused already; else None.

        Raises:
            ScheduleNotFound: There is none of this name.
            ConfigurationError: No database URL is set.
            HistoryUnavailable: PostgreSQL can't be reached.
        """
        return await self.services.plans().pause(name, reason, operator)

    pause_schedule_sync = blocking(pause_schedule)

    async def resume_schedule(
        self, name: str, *, reason: str = "", operator: str | None = None
    ) -> bool:
        """Let a schedule fire again; what was skipped stays so, also while Redis is away.

        Args:
            name: The schedule.
            reason: Why, for the operator log.
            operator: Who; else the setting ``operator``.

        Returns:
            Whether it was paused.

        Raises:
            ScheduleNotFound: There is none of this name.
            ConfigurationError: No database URL is set.
            HistoryUnavailable: PostgreSQL can't be reached.
        """
        return await self.services.plans().resume(name, reason, operator)

    resume_schedule_sync = blocking(resume_schedule)

    async def trigger_schedule(
        self, name: str, *, reason: str = "", operator: str | None = None
    ) -> str:
        """Enqueue a job of a schedule now, also of one that is paused.

        Its occurrences stay where they are, and its policy of overlaps does not hold for this.

        Args:
            name: The schedule.
            reason: Why, for the operator log.
            operator: Who; else the setting ``operator``.

        Returns:
            The id of the job.

        Raises:
            ScheduleNotFound: There is none of this name.
            ScheduleConflict: Another job has the unique key of its jobs.
            ConfigurationError: No database URL is set.
            BrokerUnavailable: Redis can't be reached.
            HistoryUnavailable: PostgreSQL can't be reached.
        """
        return await self.services.plans().trigger(name, reason, operator)

    trigger_schedule_sync = blocking(trigger_schedule)

    async def remove_schedules(
        self,
        name: str | None = None,
        *,
        lock: str | None = None,
        dry_run: bool = False,
        reason: str = "",
        operator: str | None = None,
    ) -> list[str]:
        """Remove a stored schedule, or all whose jobs have a lock; its jobs stay.

        Args:
            name: The schedule; with ``lock`` the schedule or the job, or None for any.
            lock: The lock key of its jobs.
            dry_run: Change nothing.
            reason: Why, for the operator log.
            operator: Who; else the setting ``operator``.

        Returns:
            The names of those that were removed, or would be.

        Raises:
            ScheduleNotFound: There is none.
            ScheduleConflict: It is in code that runs; nothing was removed.
            ConfigurationError: No database URL is set, or neither name nor lock is given.
            HistoryUnavailable: PostgreSQL can't be reached.
        """
        return await self.services.plans().remove(name, lock, dry_run, reason, operator)

    remove_schedules_sync = blocking(remove_schedules)

    async def schedule_ledger(
        self,
        name: str | None = None,
        *,
        outcome: str | None = None,
        since: datetime | None = None,
        limit: int = 50,
    ) -> list[Occurrence]:
        """Return what became of occurrences, the latest first; rows come within a second or two.

        Args:
            name: Only of this schedule.
            outcome: Only ``enqueued`` or ``skipped`` ones.
            since: Only from this moment on.
            limit: Most rows, up to 1,000.

        Raises:
            InvalidJob: A value can't be right.
            ConfigurationError: No database URL is set.
            HistoryUnavailable: PostgreSQL can't be reached.
        """
        return await self.services.plans().occurrences(name, outcome, since, limit)

    schedule_ledger_sync = blocking(schedule_ledger)
