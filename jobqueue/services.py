"""Makes everything that talks to a server, from the settings of one app."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from jobqueue.broker.calls import Calls
from jobqueue.broker.facts import Facts, ask
from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Server
from jobqueue.broker.messages import Rule, Watched
from jobqueue.broker.presence import service_id
from jobqueue.client.client import Client
from jobqueue.client.control import Control
from jobqueue.client.declared import JobCall
from jobqueue.client.lookups import Lookups
from jobqueue.domain.extensions import Extensions
from jobqueue.domain.handlers import Handler, Kind, Registry
from jobqueue.domain.jobs import Priority
from jobqueue.domain.limits import MOST_AT_ONCE, QueueLimits, labels_of
from jobqueue.domain.retry import Retry
from jobqueue.domain.schedules import Schedule
from jobqueue.scheduler.firer import Firer
from jobqueue.scheduler.promoter import Promoter
from jobqueue.scheduler.scheduled import Scheduled
from jobqueue.scheduler.service import Component, Service
from jobqueue.settings import SETTINGS, Settings
from jobqueue.worker.children import ChildPool
from jobqueue.worker.executor import Limits
from jobqueue.worker.queues import QueueOrder, Strict, Weighted
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


def _rules_of(handler: Handler) -> list[Rule]:
    labels = zip(labels_of(handler.limits, handler.name), handler.limits, strict=True)
    return [
        Rule(label, each.kind, handler.name, each.key is not None, each.n, each.per_ms)
        for label, each in labels
    ]


def _rules_of_queue(declared: QueueLimits) -> list[Rule]:
    """Return all that can be said of a queue; what is not declared of it is taken back."""
    limit, rate = declared.limit, declared.rate
    starts, per_ms = (rate.n, rate.per_ms) if rate else (None, None)
    return [
        Rule("limit:queue", "limit", None, False, limit.n if limit else None, None),
        Rule("rate:queue", "rate", None, False, starts, per_ms),
        Rule("depth:queue", "depth", None, False, declared.max_depth, None),
    ]


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
        queue_limits: What the app declares for whole queues.
        extensions: The app's middleware, hooks and resources.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        schedules: Mapping[str, tuple[Schedule, JobCall[..., Any]]],
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

    def control(self) -> Control:
        """Return what changes jobs and limits."""
        return Control(self.server, self.calls)

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
        self,
        queues: Sequence[str] | Mapping[str, int] | None = None,
        concurrency: int | None = None,
    ) -> Worker:
        """Return a worker that has not been started.

        Args:
            queues: Queues to serve, in order or with weights; None for the setting's, else
                the app's.
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
        self._warn_of_grace()
        order = self._order(queues or settings.queues)
        options = WorkerOptions(
            queues=order,
            most_of=self._most_of(order.names),
            concurrency=concurrency or settings.concurrency,
            threads=settings.threads,
            grace=settings.grace,
            lease=settings.lease,
            crash_budget=settings.crash_budget,
            journal_bytes=facts.journal_bound(settings.journal_limit),
            retry=Retry(settings.retries),
            limits=Limits(settings.default_timeout, settings.max_result, settings.max_traceback),
            code_version=settings.code_version or "",
            rules={queue: self._rules(queue) for queue in order.names},
        )
        children = ChildPool(options.concurrency, options.limits)
        children.check(self._registry.values())
        return Worker(self.server, self.calls, self._registry, self._extensions, children, options)

    def _order(self, chosen: Sequence[str] | Mapping[str, int] | None) -> QueueOrder:
        if isinstance(chosen, Mapping):
            return Weighted(chosen)
        if chosen:
            return Strict(chosen)
        named = {handler.queue for handler in self._registry.values() if handler.queue}
        return Weighted(dict.fromkeys(sorted(named | {self._settings.default_queue}), 1))

    def _most_of(self, queues: Sequence[str]) -> dict[str, int]:
        """Return how many jobs of a queue can run here at once, where that is bounded."""
        bounds = dict(self._settings.queue_concurrency or {})
        for queue in queues:
            kinds = {
                handler.kind
                for handler in self._registry.values()
                if (handler.queue or self._settings.default_queue) == queue
            }
            if kinds == {Kind.THREAD}:
                # More would wait for a thread here while another worker could run them.
                bounds[queue] = min(bounds.get(queue, MOST_AT_ONCE), self._settings.threads)
        return {queue: bound for queue, bound in bounds.items() if queue in queues}

    def _rules(self, queue: str) -> list[Rule]:
        """Return what the app limits in ``queue``.

        What it does not limit of a queue that it declares, or of its own jobs, is taken back.
        """
        rules: list[Rule] = []
        # Another app may serve the same queue and declare it: then silence says nothing.
        if (declared := self._queue_limits.get(queue)) is not None:
            rules = _rules_of_queue(declared)
        for handler in self._registry.values():
            rules += _rules_of(handler)
        return rules

    def _warn(self, facts: Facts) -> None:
        for warning in facts.warnings() if self.warns else ():
            log.warning("server settings do not fit a queue", extra={"problem": warning})

    def _warn_of_grace(self) -> None:
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
        firer = Firer(firing, self.calls, self.scheduled())
        components: list[Component] = [Promoter(promoting, waiting, self.calls), firer]
        if self._settings.database_url is None:
            log.warning("no database_url: finished attempts wait in Redis for a recorder")
        else:
            components += self._recording(facts, lanes)
        return Service("scheduler", self.calls.keys, lanes, components)

    def scheduled(self) -> list[Scheduled]:
        """Return the app's schedules, as a scheduler fires them."""
        return [self._scheduled(name) for name in self._schedules]

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
            prepared.job.asks,
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
