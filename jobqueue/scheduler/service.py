"""Runs the components of a scheduler, or of a lone recorder, until it is stopped."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane
from jobqueue.broker.presence import beat, service_id
from jobqueue.domain.errors import ConfigurationError, SchemaMismatch
from jobqueue.domain.tasks import together
from jobqueue.probes.health import Health
from jobqueue.probes.loop import LoopWatch

log = logging.getLogger("jobqueue.scheduler")


class Component(Protocol):
    """One duty; ``problem`` says in words why it can't be done now."""

    problem: str | None

    async def run(self) -> None:
        """Do the duty until cancelled."""


class Service:
    """A process without jobs of its own.

    Args:
        role: ``scheduler`` or ``recorder``.
        keys: Names of the installation's keys.
        lanes: Every lane of the components; the first one carries the presence.
        components: What to run, by the name of the duty.
        lone: Whether a wrong schema ends the service, since it has nothing else to do.
    """

    def __init__(
        self,
        role: str,
        keys: Keys,
        lanes: Sequence[Lane],
        components: Mapping[str, Component],
        *,
        lone: bool = False,
    ) -> None:
        self.id = service_id()
        self._role = role
        self._keys = keys
        self._lanes = lanes
        self._components = components
        self._lone = lone
        self._watch = LoopWatch()
        self._started = asyncio.Event()
        self._stopping = asyncio.Event()
        self._stopped = asyncio.Event()
        self._said: set[str] = set()  # why something has stopped

    @property
    def left(self) -> Sequence[str]:
        """Jobs that did not end with it: it has none."""
        return ()

    async def run(self) -> None:
        """Run until stopped.

        Raises:
            SchemaMismatch: The service is a lone recorder and the schema is wrong.
            ConfigurationError: The same, and PostgreSQL is too old.
        """
        log.info("service started", extra={"role": self._role, "service": self.id})
        try:
            async with together() as group:
                tasks = [group.create_task(self._run(*each)) for each in self._components.items()]
                presence = beat(self._lanes[0], self._keys, self._role, self.id, self._describe)
                tasks.append(group.create_task(presence))
                self._watch.start()
                self._started.set()
                await self._stopping.wait()
                for task in tasks:
                    task.cancel()
        finally:
            for lane in self._lanes:
                await lane.close()
            self._watch.stop()
            self._stopped.set()
            log.info("service stopped", extra={"role": self._role, "service": self.id})

    async def _run(self, duty: str, component: Component) -> None:
        try:
            await component.run()
        except (SchemaMismatch, ConfigurationError) as error:
            # Nothing but an operator can help. All else goes on, and one line says it.
            if self._lone:
                raise
            if str(error) not in self._said:
                self._said.add(str(error))
                log.error("%s stopped", duty, extra={"error": str(error)})  # noqa: TRY400 - its text says it all
            component.problem = str(error)

    def stop(self) -> None:
        """Stop soon; everything a component does is atomic or repeated by another."""
        self._stopping.set()

    async def started(self) -> None:
        """Wait until every duty has begun."""
        await self._started.wait()

    async def wait(self) -> None:
        """Wait until the service has stopped."""
        await self._stopped.wait()

    @property
    def problems(self) -> list[str]:
        """What can't be done now, and why."""
        return [each.problem for each in self._components.values() if each.problem]

    def health(self) -> Health:
        """Say what keeps the service from its duty; from any thread."""
        blocked = self._watch.problem
        return Health((blocked,) if blocked else (), self._unready())

    def _unready(self) -> list[str]:
        if self._stopping.is_set():
            return [f"the {self._role} is stopping"]
        if not self._started.is_set():
            return [f"the {self._role} is starting"]
        return list(dict.fromkeys(self.problems))

    def _describe(self) -> dict[str, Any]:
        return {"duties": {duty: each.problem for duty, each in self._components.items()}}
