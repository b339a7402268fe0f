"""Wires the components of one worker and runs them until it is stopped."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

from jobqueue.broker.calls import Calls, FetchLimits
from jobqueue.broker.lanes import Lane
from jobqueue.broker.messages import Delivery
from jobqueue.broker.presence import service_id
from jobqueue.broker.servers import Server
from jobqueue.domain.extensions import Extensions
from jobqueue.domain.handlers import Registry
from jobqueue.domain.partitions import queue_of
from jobqueue.domain.pauses import Order
from jobqueue.probes.health import Health
from jobqueue.probes.loop import LoopWatch
from jobqueue.worker import memory
from jobqueue.worker.apart import Reclaimers, Reporters, Settlers, by_queue
from jobqueue.worker.blame import Blame
from jobqueue.worker.children import ChildPool
from jobqueue.worker.declaration import Declaration
from jobqueue.worker.drain import CLEANUP, Drain
from jobqueue.worker.executor import Executor
from jobqueue.worker.fetcher import Fetcher
from jobqueue.worker.heartbeat import Heartbeat
from jobqueue.worker.held import Pool, Shared
from jobqueue.worker.hooks import Hooks
from jobqueue.worker.listener import Listener
from jobqueue.worker.options import WorkerOptions
from jobqueue.worker.orders import Orders
from jobqueue.worker.places import everywhere
from jobqueue.worker.rates import Rates
from jobqueue.worker.reclaimer import Complaints, Reclaimer
from jobqueue.worker.reporter import Reporter
from jobqueue.worker.runner import Runner
from jobqueue.worker.settlements import Scribe, Written
from jobqueue.worker.settler import Settler
from jobqueue.worker.tasks import tame
from jobqueue.worker.threads import Threads
from jobqueue.worker.watchdog import Watchdog, answers

log = logging.getLogger("jobqueue.worker")


class Worker:
    """Runs jobs of some queues until :meth:`stop`.

    Args:
        server: Where Redis is.
        calls: Makes the calls.
        registry: Handlers by name.
        extensions: Middleware, hooks and resources.
        children: Runs process handlers.
        options: What it is told.
    """

    def __init__(
        self,
        server: Server,
        calls: Calls,
        registry: Registry,
        extensions: Extensions,
        children: ChildPool,
        options: WorkerOptions,
    ) -> None:
        self.id = service_id()
        self._options = options
        self._registry = registry
        self._server = server
        self._calls = calls
        self._loop = asyncio.get_running_loop()
        self._children = children
        self._lifespan = extensions.lifespan
        self._pool = Pool(options.concurrency)
        self._threads = Threads(options.threads, self._loop)
        self._hooks = Hooks(extensions.hooks)
        self._lanes: list[Lane] = []
        self._scribe = Scribe(self.id, options.code_version, options.retry)
        names = options.queues.names
        self._served = list(dict.fromkeys(map(queue_of, names)))  # as people know them
        self._split = sorted({queue_of(name) for name in names if queue_of(name) != name})
        self._make_apart()
        self._shared = Shared(self._reporter)
        self._listener = Listener(self._lane(), calls, self.id, names, self._pool, self._obey)
        self._runner = self._make_runner(extensions)
        self._rates, self._born = Rates(self._runner.ended), self._loop.time()
        self._declaration = Declaration(self._lane(), calls, names, options.rules, registry)
        self._fetcher = self._make_fetcher()
        self._orders = Orders(self._fetcher, self.id)
        self._watchdog = Watchdog(self._fetcher, names, self._answers, options.fetch_patience)
        self._heartbeat = Heartbeat(
            server,
            calls,
            self.id,
            options.lease,
            self._pool,
            self._presence,
            self._fetcher.doubt,
        )
        self._watch = LoopWatch(Blame(self._pool, registry).name, options.blocked_limit)
        self._drain = Drain(self._pool, self._scribe, self._settler, options.grace)
        self._started = asyncio.Event()
        self._stopped = asyncio.Event()

    def _lane(self) -> Lane:
        """Return a connection that is closed with the worker."""
        self._lanes.append(self._server.lane())
        return self._lanes[-1]

    def _make_apart(self) -> None:
        options, calls = self._options, self._calls
        names = options.queues.names
        groups = [[name] for name in names] if self._server.is_cluster else [names]
        tell = self._tell if self._hooks.about_outcomes else None
        complaints = Complaints()

        def settler(_names: Sequence[str]) -> Settler:
            return Settler(self._lane(), calls, self.id, self._pool, self._scribe, tell)

        def reclaimer(names: Sequence[str]) -> Reclaimer:
            budget = options.crash_budget
            return Reclaimer(self._lane(), calls, names, options.lease, budget, complaints)

        def reporter(_names: Sequence[str]) -> Reporter:
            return Reporter(self._lane(), calls, self.id)

        self._settler = Settlers(by_queue(groups, settler))
        self._reclaimer = Reclaimers(by_queue(groups, reclaimer))
        self._reporter = Reporters(by_queue(groups, reporter))

    def _make_runner(self, extensions: Extensions) -> Runner:
        options = self._options
        begun = self._hooks.started if "start" in self._hooks else None
        executor = Executor(
            options.limits,
            everywhere(self._threads, self._children),
            extensions.around_run,
            begun,
        )
        return Runner(
            self._registry,
            self._pool,
            self._shared,
            executor,
            self._scribe,
            self._settler,
            options.crash_budget - 1,
        )

    def _make_fetcher(self) -> Fetcher:
        options = self._options
        lease_ms = round(options.lease * 1000)
        return Fetcher(
            self._server,
            self._calls,
            self.id,
            options.queues,
            options.most_of,
            FetchLimits(lease_ms, options.journal_bytes, options.crash_budget),
            self._pool,
            self._start,
            self._declaration.tell,
        )

    async def run(self) -> None:
        """Run until stopped, then hand back what is left within the grace.

        Cancelling this is like ``stop(now=True)``. A component that fails ends the worker:
        half a worker would keep jobs that it can't run or settle.
        """
        log.info("worker started", extra={"worker": self.id, "queues": self._served})
        tame(self._loop)
        self._watch.start()
        try:
            async with self._opened():
                for queue in await self._declaration.tell_all(lambda: self._fetcher.stopping):
                    self._fetcher.doubt(queue)
                await self._run_duties()
        finally:
            await self._heartbeat.stop()
            await self._drain.let_go()
            for lane in self._lanes:
                await lane.close()
            self._watch.stop()
            self._stopped.set()
            log.info("worker stopped", extra={"worker": self.id, "jobs": self._runner.done})

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncIterator[None]:
        """Open the app's resources, if it has any, around everything that could use them."""
        if self._lifespan is None:
            yield
            return
        async with self._lifespan.opened() as state:
            self._shared.lifespan = (state,)
            yield

    async def _run_duties(self) -> None:
        self._heartbeat.start()
        check = self._options.check
        duties = [
            asyncio.create_task(duty)
            for duty in (
                self._watchdog.fetch(),
                self._watchdog.watch(),
                self._settler.run(),
                self._reclaimer.run(),
                self._listener.run(),
                self._reporter.run(),
                *([check()] if check else []),
            )
        ]
        health = asyncio.create_task(self._hooks.watch_health(lambda: self._fetcher.error))
        self._started.set()
        try:
            await self._until_stopped(duties)
        finally:
            health.cancel()
            await self._close(duties)

    async def _until_stopped(self, duties: "list[asyncio.Task[None]]") -> None:
        told = asyncio.create_task(self._fetcher.told())
        try:
            await asyncio.wait({told, *duties}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._drain.hurry()
            raise
        finally:
            self._fetcher.stop()
            self._shared.shutting_down.set()
            self._children.shut_down()
            await self._drain.run(fetching=duties[0])
        for task in duties:
            if task.done():
                task.result()

    async def _close(self, duties: "list[asyncio.Task[None]]") -> None:
        left = [held.task for held in self._pool.working.values() if held.task]
        for task in (*duties, *left):
            task.cancel()
        await asyncio.gather(*duties, return_exceptions=True)
        self._threads.close()
        await self._children.close()
        await self._hooks.close(CLEANUP)

    async def started(self) -> None:
        """Wait until the worker takes jobs."""
        await self._started.wait()

    async def wait(self) -> None:
        """Wait until the worker has stopped."""
        await self._stopped.wait()

    def quiet(self) -> None:
        """Fetch no more; running jobs go on and the process stays."""
        self._orders.be_quiet()

    def _obey(self, order: Order) -> None:
        self._orders.obey(order)
        self._heartbeat.soon()

    def stop(self, *, now: bool = False) -> None:
        """Stop: running jobs get the grace; with ``now``, or called twice, they get none."""
        if now or self._fetcher.stopping:
            self._drain.hurry()
        self._fetcher.stop()

    @property
    def left(self) -> Sequence[str]:
        """Ids of jobs whose handlers did not end with the worker."""
        return self._drain.left

    def health(self) -> Health:
        """Say what keeps the worker from its duty; from any thread."""
        blocked = self._watch.problem
        return Health((blocked,) if blocked else (), self._unready())

    def _unready(self) -> list[str]:
        if self._fetcher.stopping:
            return ["the worker is stopping"]
        if not self._started.is_set():
            return ["the worker is starting"]
        if not self._fetcher.starting:
            return ["the worker was told to take no more jobs"]
        found = (self._fetcher.problem, self._heartbeat.problem, self._watchdog.problem)
        return list(dict.fromkeys(filter(None, found)))

    async def _answers(self) -> bool:
        options = self._options
        return await answers(
            self._server, self._calls, self.id, options.lease, options.queues.names
        )

    def _start(self, queue: str, deliveries: Sequence[Delivery], clock_us: int) -> None:
        welcome = self._fetcher.starting
        began = self._listener.arrived
        self._runner.start(queue, deliveries, clock_us, welcome=welcome, began=began)

    def _tell(self, written: Written) -> None:
        self._hooks.settled(written.held, written.decision, written.outcome)

    def _presence(self) -> dict[str, Any]:
        return {
            "queues": self._served,
            "partitions": self._split,
            "concurrency": self._options.concurrency,
            "running": len(self._pool.working),
            "done": self._runner.done,
            "rates": self._rates.per_second(),
            "uptime": round(self._loop.time() - self._born),
            "code_version": self._options.code_version,
            "names": sorted(self._registry),
            "problem": self._fetcher.problem or self._watchdog.problem or "",
            "memory": memory.used(self._children.pids()),
            **self._orders.described(),
        }
