"""A duty done for each queue by itself, where queues may live on different servers.

An outage of one server must not keep the records of the others from PostgreSQL, nor their
delayed jobs from being promoted. On a single server one recorder and one promoter serve all
queues, with one connection each.
"""

import asyncio
import logging
from collections.abc import Callable

from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane
from jobqueue.broker.lookup import queues
from jobqueue.domain.errors import BrokerError, BrokerUnavailable, severity
from jobqueue.scheduler.service import Component

log = logging.getLogger("jobqueue")

EVERY = 1.0  # seconds between two looks for new queues

Make = Callable[[Lane, str], Component]


class Apart:
    """Does a duty for all queues until cancelled, for each at its own pace.

    Args:
        duty: What it is called.
        lane: Makes a lane; each queue has one of its own.
        keys: Names of the installation's keys.
        make: Returns what does the duty for a queue, from its lane and its name.
    """

    def __init__(self, duty: str, lane: Callable[[], Lane], keys: Keys, make: Make) -> None:
        self._duty = duty
        self._lane = lane
        self._keys = keys
        self._make = make
        self._components: dict[str, Component] = {}
        self._unknown: str | None = None  # why no queue is known

    @property
    def problem(self) -> str | None:
        """Why it is not done for some queue; from any thread."""
        problems = [each.problem for each in list(self._components.values())]
        return next(filter(None, problems), self._unknown)

    @problem.setter
    def problem(self, problem: str | None) -> None:
        self._components.clear()  # they have ended
        self._unknown = problem

    async def run(self) -> None:
        """Do it until cancelled.

        Raises:
            SchemaMismatch: The schema is not the one that this version needs.
        """
        tasks: set[asyncio.Task[None]] = set()
        tasks.add(asyncio.create_task(self._look(tasks)))
        try:
            while True:
                done, _ = await asyncio.wait(
                    tasks, timeout=EVERY, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self, tasks: set[asyncio.Task[None]]) -> None:
        """Begin with each queue that is new."""
        async with self._lane() as lane:
            while True:
                for name in await self._new(lane):
                    tasks.add(asyncio.create_task(self._serve(name)))
                await asyncio.sleep(EVERY)

    async def _serve(self, name: str) -> None:
        async with self._lane() as lane:
            component = self._components[name] = self._make(lane, name)
            await component.run()

    async def _new(self, lane: Lane) -> list[str]:
        """Return the queues that nobody serves yet."""
        try:
            names = await queues(lane, self._keys)
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
