"""A duty done for each queue by itself, where queues may live on different servers.

An outage of one server must not keep the records of the others from PostgreSQL, nor their
delayed jobs from being promoted, nor their schedules from firing. On a single server one
component serves all queues, with one connection each.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

from jobqueue.broker.lanes import Lane
from jobqueue.domain.errors import BrokerError, BrokerUnavailable, severity
from jobqueue.domain.partitions import shown_as
from jobqueue.domain.tasks import together
from jobqueue.scheduler.service import Component

log = logging.getLogger("jobqueue")

EVERY = 1.0  # seconds between two looks for new queues

Make = Callable[[Lane, str], Component]
Names = Callable[[Lane], Awaitable[Sequence[str]]]


class Apart:
    """Does a duty for all queues until cancelled, for each at its own pace.

    Args:
        duty: What it is called.
        lane: Makes a lane; each queue has one of its own.
        names: Returns the queues; asked again and again.
        make: Returns what does the duty for a queue, from its lane and its name.
        of: What the names are names of.
    """

    def __init__(
        self, duty: str, lane: Callable[[], Lane], names: Names, make: Make, of: str = "queue"
    ) -> None:
        self._duty = duty
        self._of = of
        self._lane = lane
        self._names = names
        self._make = make
        self._components: dict[str, Component] = {}
        self._unknown: str | None = None  # why no queue is known

    @property
    def problem(self) -> str | None:
        """For which queues it is not done, and why; from any thread."""
        names: defaultdict[str, list[str]] = defaultdict(list)
        for name, component in list(self._components.items()):
            if (problem := component.problem) is not None:
                names[problem].append(name)
        found = (f"{self._of} {shown_as(those)}: {what}" for what, those in names.items())
        return "; ".join(found) or self._unknown

    @problem.setter
    def problem(self, problem: str | None) -> None:
        self._components.clear()  # they have ended
        self._unknown = problem

    async def run(self) -> None:
        """Do it until cancelled, for each queue from when it is known.

        Raises:
            SchemaMismatch: The schema is not the one that this version needs.
        """
        async with together() as group, self._lane() as lane:
            while True:
                for name in await self._new(lane):
                    group.create_task(self._serve(name))
                await asyncio.sleep(EVERY)

    async def _serve(self, name: str) -> None:
        async with self._lane() as lane:
            component = self._components[name] = self._make(lane, name)
            await component.run()
        # There is nothing to do for it any more, unless it comes up once again.
        self._components.pop(name, None)

    async def _new(self, lane: Lane) -> list[str]:
        """Return the queues that nobody serves yet."""
        try:
            names = await self._names(lane)
        except (BrokerUnavailable, BrokerError) as error:
            # On a cluster their set may be on a node that is away, and most of them elsewhere.
            if not self._components and str(error) != self._unknown:
                self._unknown = str(error)
                log.log(
                    severity(error),
                    "queues not known",
                    extra={"duty": self._duty, "error": self._unknown},
                )
            return []
        self._unknown = None
        return [name for name in names if name not in self._components]
