"""The factory of one app: besides what a desk has, the services that are not started yet."""

import logging
from functools import cached_property, partial

from msgspec.structs import replace

from jobqueue.broker import deaths
from jobqueue.broker.facts import Facts
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.scheduler.service import Service
from jobqueue.scheduler.timetable import Timetable
from jobqueue.services.desk import Desk
from jobqueue.services.duties import Duties
from jobqueue.services.start import Start
from jobqueue.services.workers import Queues, WorkerPlan
from jobqueue.worker.children import ChildPool
from jobqueue.worker.endings import ending
from jobqueue.worker.lifeline import Death
from jobqueue.worker.worker import Worker

log = logging.getLogger("jobqueue")


class Services(Desk):
    """Makes workers, schedulers and recorders of one app, besides what a desk has.

    Attributes:
        warns: Whether server settings that lose jobs are warned of; a server for tests may.
    """

    warns = True

    @cached_property
    def start(self) -> Start:
        """What services ask Redis before they begin."""
        return Start(self._wiring.server, self._wiring.calls.keys, self._wiring.splits)

    async def worker(self, queues: Queues | None = None, concurrency: int | None = None) -> Worker:
        """Return a worker that has not been started.

        Args:
            queues: Queues to serve, in order or with weights; None for the setting's, else
                the app's.
            concurrency: Jobs at once; None for the setting's.

        Raises:
            BrokerUnavailable: Redis did not answer for ten seconds; on a cluster, nobody who has
                one of the queues did.
            ConfigurationError: An argument is wrong, the server is too old, or a handler
                can't run here.
        """
        plan = WorkerPlan(self._settings, self._registry, self._queue_limits, queues, concurrency)
        facts, found = await self.start.facts(), await self.start.places(plan.queues)
        await self.start.reach(found.places)
        await self.start.hold(found.places)
        self._warn(facts)
        plan.warn_of_grace()
        options = plan.options(facts, found.places)
        if not found.certain:
            options = replace(options, check=partial(self.start.check, found.places))
        children = ChildPool(options.concurrency, options.limits)
        children.check(self._registry.values())
        return Worker(
            self._wiring.server,
            self._wiring.calls,
            self._registry,
            self._extensions,
            children,
            options,
        )

    async def note_end(self, death: Death) -> None:
        """Tell Redis how another worker process of this host has ended; it may miss it."""
        try:
            async with self._wiring.server.lane() as lane:
                await deaths.note(lane, self._wiring.calls.keys, death.pid, ending(death.code))
        except (BrokerUnavailable, BrokerError) as error:
            log.debug("end of a worker not noted", extra={"error": str(error)})

    def _warn(self, facts: Facts) -> None:
        for warning in facts.warnings() if self.warns else ():
            log.warning("server settings do not fit a queue", extra={"problem": warning})

    async def scheduler(self) -> Service:
        """Return a scheduler that has not been started; without PostgreSQL it records nothing.

        Raises:
            BrokerUnavailable: Redis did not answer for ten seconds.
            ConfigurationError: The server is too old, a schedule's job is wrong, or its queue
                has other partitions than the app declares.
        """
        facts, schedules = await self.start.facts(), self.scheduled()
        await self.start.places(list(dict.fromkeys(each.queue for each in schedules)))
        self._warn(facts)
        duties, timetable = Duties(self._wiring, self._settings), Timetable(schedules)
        components = duties.of_jobs(timetable)
        if self._settings.database_url is None:
            log.warning("no database_url: finished attempts wait in Redis for a recorder")
        else:
            components |= duties.of_history(facts)
            components["schedules"] = duties.of_schedules(timetable, self.planned())
        return Service("scheduler", self._wiring.calls.keys, duties.lanes, components)

    async def recorder(self) -> Service:
        """Return a lone recorder that has not been started.

        Raises:
            BrokerUnavailable: Redis did not answer for ten seconds.
            ConfigurationError: The server is too old, or no database URL is set.
        """
        self._settings.required("database_url")
        facts, duties = await self.start.facts(), Duties(self._wiring, self._settings)
        components = duties.of_history(facts)
        return Service("recorder", self._wiring.calls.keys, duties.lanes, components, lone=True)
