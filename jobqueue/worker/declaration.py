"""Says in Redis what code limits and hides, in each queue before the first fetch from it.

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


class Declaration:
    """What a worker says in its queues.

    Args:
        lane: Used by nobody else; its connections are closed when all queues have heard.
        calls: Makes the calls.
        queues: Where to say it.
        rules: What code limits, by queue.
        registry: The handlers.
    """

    def __init__(
        self,
        lane: Lane,
        calls: Calls,
        queues: Sequence[str],
        rules: Mapping[str, Sequence[Rule]],
        registry: Registry,
    ) -> None:
        self._lane = lane
        self._calls = calls
        self._rules = rules
        self._known = list(registry)
        self._hidden = {name: each.redact for name, each in registry.items() if each.redact}
        self._left = dict.fromkeys(queues)

    async def tell_all(self, stopping: Callable[[], bool]) -> list[str]:
        """Tell every queue, and wait for a server that is away; return those that did not hear.

        On a cluster nobody waits: queues of a node that is away hear it when they can be reached.

        Raises:
            BrokerError: Redis refuses it, and would refuse it again.
        """
        pause, away, later = Pause(), set[str](), list[str]()
        waiting = list(self._left)
        while waiting and not stopping():
            place = self._lane.place(self._calls.keys.base(waiting[0]))
            try:
                if place not in away:
                    await self.tell(waiting[0])
            except BrokerUnavailable as error:
                log.warning("limits not declared yet", extra={"error": str(error)})
                if not self._lane.apart:
                    await pause.wait()
                    continue
                away.add(error.server)
            if waiting[0] in self._left:
                later.append(waiting[0])
            del waiting[0]
        return later

    async def tell(self, queue: str) -> None:
        """Tell a queue, unless it has heard.

        Raises:
            BrokerUnavailable: It can't be reached.
            BrokerError: Redis refuses it, and would refuse it again.
        """
        if queue not in self._left:
            return
        # Jobs of producers without the code are not to be shown by whoever looks at them first.
        await hiding.tell(self._lane, self._calls.keys, [queue], self._hidden)
        if queue in self._rules:
            declared = self._rules[queue]
            if any(rule.n is not None for rule in declared):
                # Limits of a queue that never had a job are shown as well.
                await self._lane.call(self._calls.register(queue))
            await self._lane.call(self._calls.declare(queue, declared, self._known))
        self._left.pop(queue, None)
        if not self._left:
            await self._lane.close()
