"""Takes a delivery through its life in the worker: a slot, a run, an outcome."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from jobqueue.broker.messages import Delivery
from jobqueue.domain.handlers import Handler
from jobqueue.domain.outcomes import Outcome, Released, Unknown
from jobqueue.worker.apart import Settlers
from jobqueue.worker.executor import Executor
from jobqueue.worker.held import Held, Pool, Shared
from jobqueue.worker.settlements import Scribe
from jobqueue.worker.verdicts import NOTHING

log = logging.getLogger("jobqueue.worker")

UNKNOWN_EVERY = 60.0  # seconds between two log lines about one unknown name


class Runner:
    """Runs what was fetched.

    Args:
        registry: Handlers by name.
        pool: Slots, and what is owned.
        shared: What all jobs of the worker have in common.
        executor: Runs handlers.
        scribe: Writes down what they come to.
        settler: Sends it.
        last_lives_at: Crashes after which another one ends a job.
    """

    def __init__(
        self,
        registry: Mapping[str, Handler],
        pool: Pool,
        shared: Shared,
        executor: Executor,
        scribe: Scribe,
        settler: Settlers,
        last_lives_at: int,
    ) -> None:
        self._registry = registry
        self._pool = pool
        self._shared = shared
        self._executor = executor
        self._scribe = scribe
        self._settler = settler
        self._last_lives_at = last_lives_at
        self._loop = asyncio.get_running_loop()
        self._unknown: dict[str, float] = {}
        self.ended: Counter[str] = Counter()  # jobs that ended here, by queue

    @property
    def done(self) -> int:
        """How many jobs ended here; from any thread."""
        return sum(list(self.ended.values()))

    def start(
        self,
        queue: str,
        deliveries: Sequence[Delivery],
        clock_us: int,
        *,
        welcome: bool,
        began: Callable[[Held], None],
    ) -> None:
        """Run deliveries, or hand them back at once.

        Args:
            queue: Where they came from.
            deliveries: What Redis said of them.
            clock_us: Added to our monotonic time it gives Redis time.
            welcome: Whether new jobs may still start.
            began: Told of each that does.
        """
        for delivery in deliveries:
            handler = self._registry.get(delivery.name)
            last_life = 0 < self._last_lives_at <= delivery.crashes
            held = Held(queue, delivery, handler, clock_us, self._shared, last_life)
            self._pool.take(held)
            if welcome and self._pool.free >= 0:
                # Not by way of the loop's factory, which watches the tasks of handlers: `tasks.py`.
                held.task = asyncio.Task(self._run(held), loop=self._loop, name=delivery.name)
                began(held)
            else:  # it came too late, or a recovery brought more than there are slots
                self._pool.ended(held)
                self._settler.add(self._scribe.write(held, Released()))

    async def _run(self, held: Held) -> None:
        outcome = await self._executor.run(held)
        self._pool.ended(held)
        # The task's context knows the job: a ring, which only the garbage collector would open.
        held.task = None
        if held.dropped:
            return
        self.ended[held.queue] += 1
        if outcome is not NOTHING or log.isEnabledFor(logging.DEBUG):
            self._report(held, outcome)
        self._settler.add(self._scribe.write(held, outcome))

    def _report(self, held: Held, outcome: Outcome) -> None:
        failure = getattr(outcome, "failure", None)
        if failure is not None:
            error = f"{failure.type}: {failure.message}"
            log.warning("job failed", extra=held.fields() | {"error": error})
        elif isinstance(outcome, Unknown):
            self._report_unknown(held)
        else:
            log.debug("job ended", extra=held.fields() | {"outcome": type(outcome).__name__})

    def _report_unknown(self, held: Held) -> None:
        name, now = held.delivery.name, self._loop.time()
        if now - self._unknown.get(name, -UNKNOWN_EVERY) >= UNKNOWN_EVERY:
            self._unknown[name] = now
            log.error(
                "no handler for this job; it waits for a worker that has one",
                extra=held.fields() | {"known": sorted(self._registry)},
            )
