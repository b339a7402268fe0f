"""Makes everything that talks to a server, from the settings of one app."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from jobqueue.broker.calls import Calls, Watched
from jobqueue.broker.facts import Facts, ask
from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Server
from jobqueue.broker.presence import service_id
from jobqueue.client.client import Client
from jobqueue.client.declared import JobCall
from jobqueue.client.lookups import Lookups
from jobqueue.domain.handlers import Registry
from jobqueue.domain.jobs import Priority
from jobqueue.domain.retry import Retry
from jobqueue.domain.schedules import Schedule
from jobqueue.scheduler.firer import Firer
from jobqueue.scheduler.promoter import Promoter
from jobqueue.scheduler.scheduled import Scheduled
from jobqueue.scheduler.service import Component, Service
from jobqueue.settings import SETTINGS, Settings
from jobqueue.worker.children import ChildPool
from jobqueue.worker.executor import Limits
from jobqueue.worker.queues import QueueOrder
from jobqueue.worker.worker import Worker, WorkerOptions

if TYPE_CHECKING:
    from jobqueue.client.redrive import Letters

log = logging.getLogger("jobqueue")

START_PATIENCE = 10.0  # seconds that Redis may be away when a service starts


class Runs(Protocol):
    """A worker, scheduler or recorder."""

    def run(self) -> Coroutine[Any, Any, None]:
        """Run until stopped."""

    def stop(self) -> None:
        """Stop soon."""


S = TypeVar("S", bound=Runs)


@asynccontextmanager
async def running(service: S) -> AsyncIterator[S]:
    """Run a service beside the block, and stop it at the block's end."""
    task = asyncio.create_task(service.run())
    try:
        yield service
    finally:
        service.stop()
        await task


class Services:
    """Makes clients, workers, schedulers and recorders of one app.

    Args:
        settings: Where the servers are, and everything else.
        registry: The app's handlers.
        schedules: The app's schedules: a rule and a job by name.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        schedules: Mapping[str, tuple[Schedule, JobCall[..., Any]]],
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._schedules = schedules
        self.calls = Calls(Keys(settings.prefix))

    @cached_property
    def server(self) -> Server:
        """Where Redis is.

        Raises:
            ConfigurationError: No Redis URL is set.
        """
        return Server(self._settings.required("redis_url"))

    def client(self) -> Client:
        """Return a client."""
        return Client(self.server, self.calls, self._settings.enqueue_timeout, self._archived)

    async def _archived(self, queue: str, job_id: str) -> Watched | None:
        if self._settings.database_url is None:
            return None
        from jobqueue.client.archive import ended  # producers without a history need no SQLAlchemy

        return await ended(self._settings.database_url, queue, job_id)

    def lookups(self) -> Lookups:
        """Return what answers questions about jobs and queues."""
        return Lookups(self.server, self.calls.keys, self._settings.database_url)

    def letters(self) -> "Letters":
        """Return the dead letters.

        Raises:
            ConfigurationError: No database URL is set.
        """
        from jobqueue.client.redrive import Letters  # brings SQLAlchemy too

        settings, url = self._settings, self._settings.required("database_url")
        return Letters(lambda: self.server, self.calls, url, settings.enqueue_timeout)

    async def facts(self) -> Facts:
        """Return what the server is; wait up to ten seconds for it.

        Raises:
            BrokerUnavailable: It can't be reached.
            ConfigurationError: It is too old.
        """
        async with self.server.lane() as lane:
            return await ask(lane, START_PATIENCE)

    async def worker(
        self, queues: Sequence[str] | None = None, concurrency: int | None = None
    ) -> Worker:
        """Return a worker that has not been started.

        Args:
            queues: Queues to serve; None for the setting's, else the app's.
            concurrency: Jobs at once; None for the setting's.

        Raises:
            BrokerUnavailable: Redis did not answer for ten seconds.
            ConfigurationError: An argument is wrong, the server is too old, or a handler
                can't run here.
        """
        settings = self._settings
        if queues is not None:
            queues = SETTINGS["queues"].check(queues, "argument")
        if concurrency is not None:
            concurrency = SETTINGS["concurrency"].check(concurrency, "argument")
        facts = await self.facts()
        self._warn(facts)
        options = WorkerOptions(
            queues=self._order(queues or settings.queues),
            concurrency=concurrency or settings.concurrency,
            threads=settings.threads,
            grace=settings.grace,
            lease=settings.lease,
            crash_budget=settings.crash_budget,
            journal_bytes=facts.journal_bound(settings.journal_limit),
            retry=Retry(settings.retries),
            limits=Limits(settings.default_timeout, settings.max_result, settings.max_traceback),
            code_version=settings.code_version or "",
        )
        children = ChildPool(options.concurrency, options.limits)
        children.check(self._registry.values())
        return Worker(self.server, self.calls, self._registry, children, options)

    def _order(self, chosen: Sequence[str] | None) -> QueueOrder:
        if chosen:
            return QueueOrder(chosen, strict=True)
        named = {handler.queue for handler in self._registry.values() if handler.queue}
        return QueueOrder(sorted(named | {self._settings.default_queue}), strict=False)

    def _warn(self, facts: Facts) -> None:
        for warning in facts.warnings():
            log.warning("server settings do not fit a queue", extra={"problem": warning})
        grace = self._settings.grace
        long = [h.name for h in self._registry.values() if h.timeout and h.timeout > grace]
        if long:
            log.warning(
                "timeouts exceed the grace: a stopping worker hands these jobs back half done",
                extra={"jobs": long, "grace": grace},
            )

    async def scheduler(self) -> Service:
        """Return a scheduler that has not been started; without PostgreSQL it records nothing.

        Raises:
            BrokerUnavailable: Redis did not answer for ten seconds.
            ConfigurationError: The server is too old, or a schedule's job is wrong.
        """
        facts = await self.facts()
        self._warn(facts)
        lanes = [self.server.lane() for _ in range(4)]
        _presence, promoting, waiting, firing = lanes
        firer = Firer(firing, self.calls, [self._scheduled(name) for name in self._schedules])
        components: list[Component] = [Promoter(promoting, waiting, self.calls), firer]
        if self._settings.database_url is None:
            log.warning("no database_url: finished attempts wait in Redis for a recorder")
        else:
            components += self._recording(facts, lanes)
        return Service("scheduler", self.calls.keys, lanes, components)

    def _scheduled(self, name: str) -> Scheduled:
        rule, call = self._schedules[name]
        prepared = call.prepare()
        return Scheduled(
            name,
            rule,
            prepared.queue,
            Priority(prepared.job.priority),
            prepared.job.name,
            prepared.spec,
        )

    async def recorder(self) -> Service:
        """Return a lone recorder that has not been started.

        Raises:
            BrokerUnavailable: Redis did not answer for ten seconds.
            ConfigurationError: The server is too old, or no database URL is set.
        """
        self._settings.required("database_url")
        facts = await self.facts()
        lanes = [self.server.lane()]
        components = self._recording(facts, lanes)
        return Service("recorder", self.calls.keys, lanes, components, lone=True)

    def _recording(self, facts: Facts, lanes: list[Any]) -> list[Component]:
        from jobqueue.history.writer import HistoryWriter
        from jobqueue.recorder.recorder import Recorder
        from jobqueue.scheduler.upkeep import Upkeep

        settings, url = self._settings, self._settings.required("database_url")
        reading, working = self.server.lane(), self.server.lane()
        lanes += [reading, working]
        recorder = Recorder(
            reading,
            working,
            self.calls,
            HistoryWriter(url),
            service_id(),
            settings.result_ttl,
            facts.journal_bound(settings.journal_limit),
        )
        return [recorder, Upkeep(url, timedelta(seconds=settings.history_retention))]
