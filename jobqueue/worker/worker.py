"""Wires the components of one worker and runs them until it is stopped."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobqueue.broker.calls import Calls, FetchLimits
from jobqueue.broker.lanes import Server
from jobqueue.broker.messages import Delivery, Rule
from jobqueue.broker.presence import service_id
from jobqueue.domain.backoff import Pause
from jobqueue.domain.errors import BrokerUnavailable
from jobqueue.domain.extensions import Extensions
from jobqueue.domain.handlers import Registry
from jobqueue.domain.outcomes import Outcome, Released, Unknown
from jobqueue.domain.retry import Retry
from jobqueue.worker.executor import Children, Executor, Limits
from jobqueue.worker.fetcher import Fetcher
from jobqueue.worker.heartbeat import Heartbeat
from jobqueue.worker.held import Held, Pool, Shared
from jobqueue.worker.hooks import Hooks
from jobqueue.worker.listener import Listener
from jobqueue.worker.queues import QueueOrder
from jobqueue.worker.reclaimer import Reclaimer
from jobqueue.worker.reporter import Reporter
from jobqueue.worker.settlements import Scribe, Written
from jobqueue.worker.settler import Settler
from jobqueue.worker.tasks import tame
from jobqueue.worker.threads import Threads

log = logging.getLogger("jobqueue.worker")

CLEANUP = 1.0  # seconds that a cancelled handler gets for its own clean-up
FLUSH = 5.0  # seconds to write the last outcomes when Redis does not answer
UNKNOWN_EVERY = 60.0  # seconds between two log lines about one unknown name


@dataclass(frozen=True)
class WorkerOptions:
    """What a worker is told; seconds and bytes."""

    queues: QueueOrder
    most_of: Mapping[str, int]  # jobs of a queue at once, where there is a bound
    concurrency: int
    threads: int
    grace: float
    lease: float
    crash_budget: int
    journal_bytes: int
    retry: Retry
    limits: Limits
    code_version: str
    rules: Mapping[str, Sequence[Rule]]  # what code declares, by queue


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
        children: Children,
        options: WorkerOptions,
    ) -> None:
        self.id = service_id()
        self._options = options
        self._registry = registry
        self._loop = asyncio.get_running_loop()
        self._pool = Pool(options.concurrency)
        self._threads = Threads(options.threads, self._loop)
        self._children = children
        self._hooks = Hooks(extensions.hooks)
        begun = self._hooks.started if "start" in self._hooks else None
        around = extensions.around_run
        self._executor = Executor(options.limits, self._threads, children, around, begun)
        self._scribe = Scribe(self.id, options.code_version, options.retry)
        self._lanes = [server.lane() for _ in range(4)]
        settling, self._sweeping, listening, reporting = self._lanes
        self._lifespan = extensions.lifespan
        tell = self._tell if self._hooks.about_outcomes else None
        self._settler = Settler(settling, calls, self.id, self._pool, self._scribe, tell)
        self._reporter = Reporter(reporting, calls)
        self._shared = Shared(self._reporter)
        self._listener = Listener(listening, calls, self.id, options.queues.names, self._pool)
        self._calls = calls
        limits = FetchLimits(
            round(options.lease * 1000), options.journal_bytes, options.crash_budget
        )
        self._fetcher = Fetcher(
            server,
            calls,
            self.id,
            options.queues,
            options.most_of,
            limits,
            self._pool,
            self._start,
        )
        self._reclaimer = Reclaimer(
            self._sweeping, calls, options.queues.names, options.lease, options.crash_budget
        )
        self._heartbeat = Heartbeat(
            server,
            calls,
            self.id,
            options.lease,
            self._pool.counts,
            self._presence,
            self._fetcher.doubt,
        )
        self._unknown: dict[str, float] = {}
        self._grace = options.grace
        self._hurry = asyncio.Event()
        self._stopped = asyncio.Event()
        self._done = 0
        self._last_lives_at = options.crash_budget - 1

    async def run(self) -> None:
        """Run until stopped, then hand back what is left within the grace.

        Cancelling this is like ``stop(now=True)``. A component that fails ends the worker:
        half a worker would keep jobs that it can't run or settle.
        """
        log.info(
            "worker started", extra={"worker": self.id, "queues": list(self._options.queues.names)}
        )
        tame(self._loop)
        try:
            async with self._opened():
                await self._declare()
                await self._run_duties()
        finally:
            for lane in self._lanes:
                await lane.close()
            self._stopped.set()
            log.info("worker stopped", extra={"worker": self.id, "jobs": self._done})

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncIterator[None]:
        """Open the app's resources, if it has any, around everything that could use them."""
        if self._lifespan is None:
            yield
            return
        async with self._lifespan.opened() as state:
            self._shared.lifespan = (state,)
            yield

    async def _declare(self) -> None:
        """Say what code limits, before the first fetch; what it no longer limits ends.

        Raises:
            BrokerError: Redis refuses it, and would refuse it again.
        """
        known, pause = list(self._registry), Pause()
        waiting = list(self._options.rules.items())
        while waiting and not self._fetcher.stopping:
            queue, rules = waiting[0]
            try:
                if any(rule.n is not None for rule in rules):
                    # Limits of a queue that never had a job are shown as well.
                    await self._sweeping.command("SADD", self._calls.keys.queues, queue)
                await self._sweeping.call(self._calls.declare(queue, rules, known))
                del waiting[0]
            except BrokerUnavailable as error:
                log.warning("limits not declared yet", extra={"error": str(error)})
                await pause.wait()

    async def _run_duties(self) -> None:
        self._heartbeat.start()
        duties = [
            asyncio.create_task(duty)
            for duty in (
                self._fetcher.run(),
                self._settler.run(),
                self._reclaimer.run(),
                self._listener.run(),
                self._reporter.run(),
            )
        ]
        health = asyncio.create_task(self._hooks.watch_health(lambda: self._fetcher.error))
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
            self._hurry.set()
            raise
        finally:
            self._fetcher.stop()
            self._shared.shutting_down.set()
            self._children.shut_down()
            await self._drain(fetching=duties[0])
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
        await self._heartbeat.stop()
        await self._hooks.close(CLEANUP)

    async def wait(self) -> None:
        """Wait until the worker has stopped."""
        await self._stopped.wait()

    def quiet(self) -> None:
        """Fetch no more; running jobs go on and the process stays."""
        self._fetcher.quiet()
        log.info("worker quiet", extra={"worker": self.id})

    def stop(self, *, now: bool = False) -> None:
        """Stop: running jobs get the grace; with ``now``, or called twice, they get none."""
        if now or self._fetcher.stopping:
            self._hurry.set()
        self._fetcher.stop()

    async def _drain(self, fetching: "asyncio.Task[None]") -> None:
        waits = {asyncio.create_task(self._pool.idle()), asyncio.create_task(self._hurry.wait())}
        await asyncio.wait(waits, timeout=self._grace, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()
        await self._hand_back()
        # What a last fetch brings is handed back too: release is the last write.
        await asyncio.wait({fetching}, timeout=FLUSH)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._settler.flush(), FLUSH)

    async def _hand_back(self) -> None:
        working = [(held, held.task) for held in self._pool.working.values() if held.task]
        for held, task in working:
            held.released = True
            task.cancel()
        if working:
            await asyncio.wait([task for _, task in working], timeout=CLEANUP)
        for held, task in working:
            if not (task.done() or held.dropped):
                # It ignores its cancellation: what it comes to is worthless from here on.
                held.dropped = True
                self._settler.add(self._scribe.write(held, Released()))

    def _start(self, queue: str, delivery: Delivery, clock_us: int) -> None:
        handler = self._registry.get(delivery.name)
        last_life = 0 < self._last_lives_at <= delivery.crashes
        held = Held(queue, delivery, handler, clock_us, self._shared, last_life)
        self._pool.take(held)
        if self._fetcher.starting and self._pool.free >= 0:
            # Not by way of the loop's factory, which watches the tasks of handlers: `tasks.py`.
            held.task = asyncio.Task(self._run(held), loop=self._loop)
            self._listener.arrived(held)
        else:  # it came too late, or a recovery brought more than there are slots
            self._pool.ended(held)
            self._settler.add(self._scribe.write(held, Released()))

    def _tell(self, written: Written) -> None:
        self._hooks.settled(written.held, written.decision, written.outcome)

    async def _run(self, held: Held) -> None:
        outcome = await self._executor.run(held)
        self._pool.ended(held)
        # The task's context knows the job: a ring, which only the garbage collector would open.
        held.task = None
        if held.dropped:
            return
        self._done += 1
        if isinstance(outcome, Unknown):
            self._report_unknown(held)
        self._report(held, outcome)
        self._settler.add(self._scribe.write(held, outcome))

    def _report(self, held: Held, outcome: Outcome) -> None:
        failure = getattr(outcome, "failure", None)
        if failure is not None:
            log.warning(
                "job failed",
                extra=held.fields() | {"error": f"{failure.type}: {failure.message}"},
            )
        elif log.isEnabledFor(logging.DEBUG):
            log.debug("job ended", extra=held.fields() | {"outcome": type(outcome).__name__})

    def _report_unknown(self, held: Held) -> None:
        name, now = held.delivery.name, self._loop.time()
        if now - self._unknown.get(name, -UNKNOWN_EVERY) >= UNKNOWN_EVERY:
            self._unknown[name] = now
            log.error(
                "no handler for this job; it waits for a worker that has one",
                extra=held.fields() | {"known": sorted(self._registry)},
            )

    def _presence(self) -> dict[str, Any]:
        return {
            "queues": list(self._options.queues.names),
            "concurrency": self._options.concurrency,
            "running": len(self._pool.working),
            "done": self._done,
            "names": sorted(self._registry),
            "problem": self._fetcher.problem or "",
        }
