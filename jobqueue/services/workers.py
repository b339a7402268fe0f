"""What a worker is told, from the settings and from what the app declares."""

import logging
from collections.abc import Mapping, Sequence

from jobqueue.broker.facts import Facts
from jobqueue.broker.messages import Rule
from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.handlers import Handler, Kind, Registry
from jobqueue.domain.limits import MOST_AT_ONCE, QueueLimits, labels_of
from jobqueue.domain.partitions import refused_limits
from jobqueue.domain.retry import Retry
from jobqueue.services.code_version import code_version
from jobqueue.settings import SETTINGS, Settings
from jobqueue.worker.attempt import Limits
from jobqueue.worker.options import WorkerOptions
from jobqueue.worker.queues import QueueOrder, Strict, Weighted

log = logging.getLogger("jobqueue")

Queues = Sequence[str] | Mapping[str, int]


class WorkerPlan:
    """Works out the options of one worker.

    Args:
        settings: Everything that nobody says in the call.
        registry: The app's handlers.
        queue_limits: What the app declares for whole queues.
        queues: Queues to serve, in order or with weights; None for the setting's, else
            the app's.
        concurrency: Jobs at once; None for the setting's.

    Raises:
        ConfigurationError: An argument is wrong.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        queue_limits: Mapping[str, QueueLimits],
        queues: Queues | None,
        concurrency: int | None,
    ) -> None:
        if queues is not None:
            queues = SETTINGS["queues"].check(queues, "argument")
        if concurrency is not None:
            concurrency = SETTINGS["concurrency"].check(concurrency, "argument")
        self._settings = settings
        self._registry = registry
        self._queue_limits = queue_limits
        self._chosen = queues or settings.queues
        self._concurrency = concurrency or settings.concurrency

    @property
    def queues(self) -> Sequence[str]:
        """The queues to serve."""
        return list(self._chosen or self._named())

    def options(self, facts: Facts, places: Mapping[str, Sequence[str]]) -> WorkerOptions:
        """Return the options of a worker on a server.

        Args:
            facts: What the server is.
            places: The partitions of each queue, or itself alone.

        Raises:
            ConfigurationError: A queue with partitions has limits.
        """
        settings = self._settings
        for queue, names in places.items():
            self._refuse_limits(queue, names)
        return WorkerOptions(
            queues=self._order(places),
            most_of=self._most_of(),
            concurrency=self._concurrency,
            threads=settings.threads,
            grace=settings.grace,
            lease=settings.lease,
            crash_budget=settings.crash_budget,
            journal_bytes=facts.journal_bound(settings.journal_limit),
            retry=Retry(settings.retries),
            limits=Limits(settings.default_timeout, settings.max_result, settings.max_traceback),
            code_version=self.code_version(),
            rules={queue: self._rules(queue) for queue in places if places[queue] == [queue]},
            blocked_limit=settings.blocked_limit,
        )

    def warn_of_grace(self) -> None:
        """Say which jobs may run longer than a stopping worker waits."""
        grace = self._settings.grace
        long = [h.name for h in self._registry.values() if h.timeout and h.timeout > grace]
        if long:
            log.warning(
                "timeouts exceed the grace: a stopping worker hands these jobs back half done",
                extra={"jobs": long, "grace": grace},
            )

    def code_version(self) -> str:
        """Return what is written beside each execution; may be empty."""
        modules = (handler.function.__module__ for handler in self._registry.values())
        return self._settings.code_version or code_version(modules)

    def _order(self, places: Mapping[str, Sequence[str]]) -> QueueOrder:
        chosen = self._chosen or dict.fromkeys(self._named(), 1)
        if not isinstance(chosen, Mapping):
            return Strict(list(places.values()))
        return Weighted(
            {name: chosen[queue] / len(names) for queue, names in places.items() for name in names}
        )

    def _named(self) -> list[str]:
        named = {handler.queue for handler in self._registry.values() if handler.queue}
        return sorted(named | {self._settings.default_queue})

    def _refuse_limits(self, queue: str, names: Sequence[str]) -> None:
        if (n := len(names) - 1) == 0:
            return
        own = self._queue_limits.get(queue, QueueLimits())
        if any((own.limit, own.rate, own.max_depth)):
            raise ConfigurationError(refused_limits(queue, n))
        for handler in self._registry.values():
            if handler.limits and (handler.queue or self._settings.default_queue) == queue:
                raise ConfigurationError(refused_limits(queue, n, handler.name))

    def _most_of(self) -> dict[str, int]:
        """Return how many jobs of a queue can run here at once, where that is bounded."""
        bounds = dict(self._settings.queue_concurrency or {})
        for queue in self.queues:
            kinds = {
                handler.kind
                for handler in self._registry.values()
                if (handler.queue or self._settings.default_queue) == queue
            }
            if kinds == {Kind.THREAD}:
                # More would wait for a thread here while another worker could run them.
                bounds[queue] = min(bounds.get(queue, MOST_AT_ONCE), self._settings.threads)
        return {queue: bound for queue, bound in bounds.items() if queue in self.queues}

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
