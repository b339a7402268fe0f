"""The factory of one app, as far as nothing runs: questions, and orders."""

from collections.abc import Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from jobqueue.client import checkup, livecheck
from jobqueue.client.changing import Changes
from jobqueue.client.control import Control
from jobqueue.client.declared import JobCall
from jobqueue.client.figures import Figures
from jobqueue.client.listing import Listing
from jobqueue.client.logbook import Logbook
from jobqueue.client.lookups import Lookups
from jobqueue.client.pausing import Pauses
from jobqueue.client.planned import plan_of
from jobqueue.client.reasons import Reasons
from jobqueue.client.sweeping import Sweeps
from jobqueue.client.workers import Workers
from jobqueue.domain.binding import LiveCheck
from jobqueue.domain.checkup import Checkup, examine
from jobqueue.domain.extensions import Extensions
from jobqueue.domain.handlers import Registry
from jobqueue.domain.limits import QueueLimits
from jobqueue.domain.plans import Plan
from jobqueue.domain.timing import Timing
from jobqueue.scheduler.scheduled import Scheduled
from jobqueue.services import checked
from jobqueue.services.wiring import Wiring
from jobqueue.settings import Settings

if TYPE_CHECKING:
    from jobqueue.client.entries import Entries
    from jobqueue.client.letters import Letters
    from jobqueue.client.plans import Plans


class Desk:
    """Makes what operators use.

    Args:
        wiring: What talks to the servers.
        settings: Everything else.
        registry: The app's handlers.
        schedules: The app's schedules: a timing and a job by name.
        queue_limits: What the app declares for whole queues.
        extensions: The app's middleware, hooks and resources.
    """

    def __init__(
        self,
        wiring: Wiring,
        settings: Settings,
        registry: Registry,
        schedules: Mapping[str, tuple[Timing, JobCall[..., Any]]],
        queue_limits: Mapping[str, QueueLimits],
        extensions: Extensions,
    ) -> None:
        self._wiring = wiring
        self._settings = settings
        self._registry = registry
        self._schedules = schedules
        self._queue_limits = queue_limits
        self._extensions = extensions

    def lookups(self) -> Lookups:
        """Return what answers questions about jobs and queues."""
        return Lookups(self._wiring.wire, self._settings.database_url)

    def listing(self) -> Listing:
        """Return what lists jobs."""
        return Listing(self._wiring.wire, self._settings.database_url)

    def workers(self) -> Workers:
        """Return what looks at workers."""
        return Workers(self._wiring.wire)

    def figures(self) -> Figures:
        """Return what asks for statistics.

        Raises:
            ConfigurationError: No database URL is set.
        """
        return Figures(self._settings.required("database_url"))

    def reasons(self) -> Reasons:
        """Return what says why jobs are where they are."""
        return Reasons(self._wiring.wire, self.lookups(), self._settings.journal_limit)

    def logbook(self) -> Logbook:
        """Return where operators' commands are noted."""
        return Logbook(self._settings.database_url, self._settings.operator)

    def entries(self) -> "Entries":
        """Return what reads the operator log.

        Raises:
            ConfigurationError: No database URL is set.
        """
        from jobqueue.client.entries import Entries  # brings SQLAlchemy too

        return Entries(self._settings.required("database_url"))

    def control(self) -> Control:
        """Return what shows and sets limits."""
        return Control(self._wiring.wire, self.logbook())

    def changes(self) -> Changes:
        """Return what changes single jobs."""
        return Changes(self._wiring.wire, self.logbook())

    def sweeps(self) -> Sweeps:
        """Return what ends many jobs."""
        return Sweeps(self._wiring.wire, self.logbook(), self._settings.journal_limit)

    def pauses(self) -> Pauses:
        """Return what pauses queues and workers."""
        return Pauses(self._wiring.wire, self.logbook())

    def letters(self) -> "Letters":
        """Return the dead letters.

        Raises:
            ConfigurationError: No database URL is set.
        """
        from jobqueue.client.letters import Letters  # brings SQLAlchemy too

        settings, url = self._settings, self._settings.required("database_url")
        return Letters(lambda: self._wiring.wire, url, settings.max_arguments, settings.operator)

    async def doctor(self, platform_grace: float | None) -> Checkup:
        """Examine the installation; see :meth:`JobQueue.doctor`."""
        url, said = self._settings.database_url, checked.chosen(self._settings, self._registry)
        return examine(await checkup.gather(self._wiring.wire, url, said, platform_grace))

    def check(self) -> list[str]:
        """Return what a service of this app would refuse; see :meth:`JobQueue.check`."""
        schedules = {name: partial(self._scheduled, name) for name in self._schedules}
        return checked.problems(self._settings, self._registry, self._queue_limits, schedules)

    async def check_live(self, queues: Collection[str] | None) -> LiveCheck:
        """Bind every stored job to the handlers; see :meth:`JobQueue.check_live`."""
        url = self._settings.database_url
        return await livecheck.check(self._wiring.wire, url, self._registry, queues)

    def plans(self) -> "Plans":
        """Return the stored schedules.

        Raises:
            ConfigurationError: No database URL is set.
        """
        from jobqueue.client.plans import Plans  # brings SQLAlchemy too

        url = self._settings.required("database_url")
        return Plans(lambda: self._wiring.wire, url, self._settings.operator)

    def scheduled(self) -> list[Scheduled]:
        """Return the app's schedules, as a scheduler fires them."""
        return [Scheduled.of(plan) for plan in self.planned()]

    def planned(self) -> list[Plan]:
        """Return the app's schedules, as they are stored."""
        return [self._plan(name) for name in self._schedules]

    def _scheduled(self, name: str) -> Scheduled:
        return Scheduled.of(self._plan(name))

    def _plan(self, name: str) -> Plan:
        timing, call = self._schedules[name]
        return plan_of(name, timing, call.prepare(), call.lock, declared=True)
