"""The factory of one app: clients, questions, and the services that are not started yet."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from jobqueue.broker import deaths
from jobqueue.broker.calls import Calls
from jobqueue.broker.facts import Facts
from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane
from jobqueue.broker.lookup import queues
from jobqueue.broker.messages import Watched
from jobqueue.broker.presence import service_id
from jobqueue.broker.servers import Server
from jobqueue.broker.splits import Splits
from jobqueue.client import checkup, livecheck
from jobqueue.client.changing import Changes
from jobqueue.client.client import Client
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
from jobqueue.client.wire import Wire
from jobqueue.client.workers import Workers
from jobqueue.domain.binding import LiveCheck
from jobqueue.domain.checkup import Checkup, examine
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.domain.extensions import Extensions
from jobqueue.domain.handlers import Registry
from jobqueue.domain.limits import QueueLimits
from jobqueue.domain.plans import Plan
from jobqueue.domain.replication import Replication
from jobqueue.domain.timing import Timing
from jobqueue.scheduler.firer import Firer
from jobqueue.scheduler.promoter import Promoter
from jobqueue.scheduler.scheduled import Scheduled
from jobqueue.scheduler.service import Component, Service
from jobqueue.scheduler.timetable import Timetable
from jobqueue.scheduler.unserved import Unserved
from jobqueue.services import checked
from jobqueue.services.apart import Apart
from jobqueue.services.start import Start
from jobqueue.services.workers import Queues, WorkerPlan
from jobqueue.settings import Settings
from jobqueue.worker.children import ChildPool
from jobqueue.worker.endings import ending
from jobqueue.worker.lifeline import Death
from jobqueue.worker.worker import Worker

if TYPE_CHECKING:
    from jobqueue.client.letters import Letters
    from jobqueue.client.plans import Plans

log = logging.getLogger("jobqueue")


class Services:
    """Makes clients, workers, schedulers and recorders of one app.

    Args:
        settings: Where the servers are, and everything else.
        registry: The app's handlers.
        schedules: The app's schedules: a timing and a job by name.
        queue_limits: What the app declares for whole queues.
        extensions: The app's middleware, hooks and resources.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        schedules: Mapping[str, tuple[Timing, JobCall[..., Any]]],
        queue_limits: Mapping[str, QueueLimits],
        extensions: Extensions,
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._schedules = schedules
        self._queue_limits = queue_limits
        self._extensions = extensions
        self.calls = Calls(Keys(settings.prefix))
        self.warns = True  # of server settings that lose jobs; a server for tests may

    @cached_property
    def server(self) -> Server:
        """Where Redis is.

        Raises:
            ConfigurationError: No Redis URL is set.
        """
        return Server(self._settings.required("redis_url"))

    @cached_property
    def splits(self) -> Splits:
        """The partitions of queues, as far as this app knows."""
        own = {queue: each.partitions for queue, each in self._queue_limits.items()}
        return Splits(self.calls, {queue: n for queue, n in own.items() if n})

    @cached_property
    def wire(self) -> Wire:
        """What everything here that talks to Redis for a producer or an operator shares."""
        settings = self._settings
        replication = Replication(settings.replicas, settings.replication_timeout)
        return Wire(self.server, self.calls, self.splits, settings.enqueue_timeout, replication)

    @cached_property
    def start(self) -> Start:
        """What services ask Redis before they begin."""
        return Start(self.server, self.calls.keys, self.splits)

    def client(self) -> Client:
        """Return a client."""
        return Client(self.wire, self._archived)

    async def _archived(self, queue: str, job_id: str) -> Watched | None:
        if self._settings.database_url is None:
            return None
        from jobqueue.client.archive import ended  # producers without a history need no SQLAlchemy

        return await ended(self._settings.database_url, queue, job_id)

    def lookups(self) -> Lookups:
        """Return what answers questions about jobs and queues."""
        return Lookups(self.wire, self._settings.database_url)

    def listing(self) -> Listing:
        """Return what lists jobs."""
        return Listing(self.wire, self._settings.database_url)

    def workers(self) -> Workers:
        """Return what looks at workers."""
        return Workers(self.wire)

    def figures(self) -> Figures:
        """Return what asks for statistics.

        Raises:
            ConfigurationError: No database URL is set.
        """
        return Figures(self._settings.required("database_url"))

    def reasons(self) -> Reasons:
        """Return what says why jobs are where they are."""
        return Reasons(self.wire, self.lookups(), self._settings.journal_limit)

    def logbook(self) -> Logbook:
        """Return where operators' commands are noted."""
        return Logbook(self._settings.database_url, self._settings.operator)

    def control(self) -> Control:
        """Return what shows and sets limits."""
        return Control(self.wire, self.logbook())

    def changes(self) -> Changes:
        """Return what changes single jobs."""
        return Changes(self.wire, self.logbook())

    def sweeps(self) -> Sweeps:
        """Return what ends many jobs."""
        return Sweeps(self.wire, self.logbook())

    def pauses(self) -> Pauses:
        """Return what pauses queues and workers."""
        return Pauses(self.wire, self.logbook())

    def letters(self) -> "Letters":
        """Return the dead letters.

        Raises:
            ConfigurationError: No database URL is set.
        """
        from jobqueue.client.letters import Letters  # brings SQLAlchemy too

        settings, url = self._settings, self._settings.required("database_url")
        return Letters(lambda: self.wire, url, settings.max_arguments, settings.operator)

    async def doctor(self, platform_grace: float | None) -> Checkup:
        """Examine the installation; see :meth:`JobQueue.doctor`."""
        url, said = self._settings.database_url, checked.chosen(self._settings, self._registry)
        return examine(await checkup.gather(self.wire, url, said, platform_grace))

    def check(self) -> list[str]:
        """Return what a service of this app would refuse; see :meth:`JobQueue.check`."""
        schedules = {name: partial(self._scheduled, name) for name in self._schedules}
        return checked.problems(self._settings, self._registry, self._queue_limits, schedules)

    async def check_live(self, queues: Collection[str] | None) -> LiveCheck:
        """Bind every stored job to the handlers; see :meth:`JobQueue.check_live`."""
        url = self._settings.database_url
        return await livecheck.check(self.wire, url, self._registry, queues)

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
        return Worker(self.server, self.calls, self._registry, self._extensions, children, options)

    async def note_end(self, death: Death) -> None:
        """Tell Redis how another worker process of this host has ended; it may miss it."""
        try:
            async with self.server.lane() as lane:
                await deaths.note(lane, self.calls.keys, death.pid, ending(death.code))
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
        lanes = [self.server.lane(), looking := self.server.lane()]
        components: dict[str, Component] = {
            "promoter": self._each(
                "promoter", lanes, lambda lane, wait, queue: Promoter(lane, wait, self.calls, queue)
            ),
            "firer": self._firing(lanes, timetable := Timetable(schedules)),
            "unserved": Unserved(looking, self.calls.keys),
        }
        if self._settings.database_url is None:
            log.warning("no database_url: finished attempts wait in Redis for a recorder")
        else:
            components |= self._recording(facts, lanes)
            components["schedules"] = self._storing(lanes, timetable)
        return Service("scheduler", self.calls.keys, lanes, components)

    def _firing(self, lanes: list[Lane], timetable: Timetable) -> Component:
        """Return what fires the schedules; on a cluster each by itself."""

        def make(lane: Lane, name: str | None) -> Firer:
            return Firer(lane, self.calls, self.splits, timetable, name)

        if not self.server.is_cluster:
            lanes.append(lane := self.server.lane())
            return make(lane, None)

        async def names(_lane: Lane) -> Sequence[str]:
            return timetable.names()

        return Apart("firer", self.server.lane, names, make, "schedule")

    def _storing(self, lanes: list[Lane], timetable: Timetable) -> Component:
        """Return what carries schedules from PostgreSQL, and their ledger there."""
        from jobqueue.scheduler.stored import Stored

        lanes.append(lane := self.server.lane())
        url = self._settings.required("database_url")
        return Stored(
            url, lane, self.calls.keys, timetable, [self._plan(name) for name in self._schedules]
        )

    def scheduled(self) -> list[Scheduled]:
        """Return the app's schedules, as a scheduler fires them."""
        return [self._scheduled(name) for name in self._schedules]

    def _scheduled(self, name: str) -> Scheduled:
        return Scheduled.of(self._plan(name))

    def _plan(self, name: str) -> Plan:
        timing, call = self._schedules[name]
        return plan_of(name, timing, call.prepare(), call.lock, declared=True)

    def plans(self) -> "Plans":
        """Return the stored schedules.

        Raises:
            ConfigurationError: No database URL is set.
        """
        from jobqueue.client.plans import Plans  # brings SQLAlchemy too

        url = self._settings.required("database_url")
        return Plans(lambda: self.wire, url, self._settings.operator)

    async def recorder(self) -> Service:
        """Return a lone recorder that has not been started.

        Raises:
            BrokerUnavailable: Redis did not answer for ten seconds.
            ConfigurationError: The server is too old, or no database URL is set.
        """
        self._settings.required("database_url")
        facts = await self.start.facts()
        lanes = [self.server.lane()]
        components = self._recording(facts, lanes)
        return Service("recorder", self.calls.keys, lanes, components, lone=True)

    def _recording(self, facts: Facts, lanes: list[Lane]) -> dict[str, Component]:
        from jobqueue.history.retention import Keep
        from jobqueue.history.writer import HistoryWriter
        from jobqueue.recorder.recorder import Recorder
        from jobqueue.scheduler.lookout import Lookout
        from jobqueue.scheduler.upkeep import Upkeep

        settings, url = self._settings, self._settings.required("database_url")
        writer, me = HistoryWriter(url), service_id()
        bound = facts.journal_bound(settings.journal_limit)

        def make(reading: Lane, working: Lane, queue: str | None) -> Recorder:
            ttl = settings.result_ttl
            return Recorder(reading, working, self.calls, writer, me, ttl, bound, queue)

        recorder = self._each("recorder", lanes, make)
        keep = Keep.of(
            settings.history_retention,
            settings.dead_letter_retention,
            settings.operator_log_retention,
        )
        upkeep = Upkeep(url, keep)
        return {"recorder": recorder, "upkeep": upkeep, "lookout": Lookout(url)}

    def _each(
        self, duty: str, lanes: list[Lane], make: Callable[[Lane, Lane, str | None], Component]
    ) -> Component:
        """Return what does a duty for all queues; on a cluster for each by itself."""
        if self.server.is_cluster:
            # A blocking read of a cluster's lane has a connection of its own: one lane will do.
            return Apart(
                duty,
                self.server.lane,
                lambda lane: queues(lane, self.calls.keys),
                lambda lane, name: make(lane, lane, name),
            )
        pair = (self.server.lane(), self.server.lane())
        lanes += pair
        return make(*pair, None)
