"""Looks whether an app could run, without any server: what its services would refuse."""

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from jobqueue.domain.checkup.facts import Chosen
from jobqueue.domain.errors import ConfigurationError, InvalidJob
from jobqueue.domain.handlers import Registry
from jobqueue.domain.limits import QueueLimits
from jobqueue.domain.partitions import refused_limits
from jobqueue.scheduler.scheduled import Scheduled
from jobqueue.settings import Settings, unknown_variables
from jobqueue.worker.children import ChildPool


def chosen(settings: Settings, registry: Registry) -> Chosen:
    """Return what settings and code say, as an examination looks at it."""
    return Chosen(
        prefix=settings.prefix,
        grace=settings.grace,
        lease=settings.lease,
        journal_limit=settings.journal_limit,
        default_timeout=settings.default_timeout,
        timeouts={handler.name: handler.timeout for handler in registry.values()},
        strange=unknown_variables(os.environ),
    )


def problems(
    settings: Settings,
    registry: Registry,
    queue_limits: Mapping[str, QueueLimits],
    schedules: Mapping[str, Callable[[], Scheduled]],
) -> list[str]:
    """Return what a worker or scheduler of an app would refuse, or never do.

    Args:
        settings: Everything that code does not say.
        registry: The app's handlers.
        queue_limits: What the app declares for whole queues.
        schedules: Makes each schedule as a scheduler fires it.
    """
    found = [] if registry else ["it declares no jobs; import the modules that do where it is made"]
    found += _of_handlers(settings, registry, queue_limits)
    for name, make in schedules.items():
        found += _of_schedule(name, make)
    return found


def _of_handlers(
    settings: Settings, registry: Registry, queue_limits: Mapping[str, QueueLimits]
) -> Iterator[str]:
    for handler in registry.values():
        queue = handler.queue or settings.default_queue
        partitions = queue_limits.get(queue, QueueLimits()).partitions
        if handler.limits and partitions:
            yield refused_limits(queue, partitions, handler.name)
        try:
            ChildPool.check([handler])
        except ConfigurationError as error:
            yield str(error)


def _of_schedule(name: str, make: Callable[[], Scheduled]) -> Iterator[str]:
    try:
        rule = make().rule
    except (ConfigurationError, InvalidJob) as error:
        yield f"schedule {name!r}: {error}"
        return
    if rule.next_after(datetime.now(UTC)) is None:
        yield f"schedule {name!r} is never due again"
