"""Says in Redis what code limits and hides, before the first fetch.

What it no longer limits ends; what it once hid stays hidden.
"""

import logging
from collections.abc import Callable, Mapping, Sequence

from jobqueue.broker import hiding
from jobqueue.broker.calls import Calls
from jobqueue.broker.lanes import Lane
from jobqueue.broker.messages import Rule
from jobqueue.domain.backoff import Pause
from jobqueue.domain.errors import BrokerUnavailable
from jobqueue.domain.handlers import Registry

log = logging.getLogger("jobqueue.worker")


async def declare(
    lane: Lane,
    calls: Calls,
    rules: Mapping[str, Sequence[Rule]],
    known: list[str],
    stopping: Callable[[], bool],
) -> None:
    """Declare the limits of each queue, and wait for a server that is away.

    Args:
        lane: Used by nobody else meanwhile.
        calls: Makes the calls.
        rules: What code declares, by queue.
        known: Names of the handlers.
        stopping: Whether to give up.

    Raises:
        BrokerError: Redis refuses it, and would refuse it again.
    """
    pause, waiting = Pause(), list(rules.items())
    while waiting and not stopping():
        queue, declared = waiting[0]
        try:
            if any(rule.n is not None for rule in declared):
                # Limits of a queue that never had a job are shown as well.
                await lane.call(calls.register(queue))
            await lane.call(calls.declare(queue, declared, known))
            del waiting[0]
        except BrokerUnavailable as error:
            log.warning("limits not declared yet", extra={"error": str(error)})
            await pause.wait()


async def declare_hidden(
    lane: Lane,
    calls: Calls,
    queues: Sequence[str],
    registry: Registry,
    stopping: Callable[[], bool],
) -> None:
    """Declare in each queue the arguments that handlers hide, and wait for a server that is away.

    Jobs of producers without the code are not to be shown by whoever looks at them first.
    """
    hidden = {name: handler.redact for name, handler in registry.items() if handler.redact}
    pause = Pause()
    while hidden and not stopping():
        try:
            await hiding.tell(lane, calls.keys, queues, hidden)
            hidden = {}
        except BrokerUnavailable as error:
            log.warning("redaction not declared yet", extra={"error": str(error)})
            await pause.wait()
