"""The one object that users hold: declares jobs, sends them, runs the services."""

import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeVar

from jobqueue.client.declared import JobCall
from jobqueue.client.handle import JobHandle
from jobqueue.client.options import parse_priority
from jobqueue.client.prepared import Defaults, Prepared
from jobqueue.configured import Configured
from jobqueue.controlling import Controlling
from jobqueue.declaring import Declaring
from jobqueue.domain.checks import checks_options
from jobqueue.domain.ids import check_name
from jobqueue.domain.suggest import nearest
from jobqueue.examining import Examining
from jobqueue.planning import Planning
from jobqueue.redriving import Redriving
from jobqueue.settings import Settings

if TYPE_CHECKING:
    from jobqueue.client.client import Client
    from jobqueue.scheduler.service import Service
    from jobqueue.services.services import Services
    from jobqueue.services.wiring import Wiring
    from jobqueue.worker.worker import Worker

log = logging.getLogger("jobqueue")

R = TypeVar("R")


class JobQueue(Configured, Declaring, Controlling, Redriving, Examining, Planning):
    """Your queue: declare handlers with :meth:`job`, enqueue their calls, run workers.

    Args:
        redis_url: Where Redis is; else ``JOBQUEUE_REDIS_URL`` or ``REDIS_URL``.
        database_url: Where PostgreSQL is; else ``JOBQUEUE_DATABASE_URL`` or
            ``DATABASE_URL``. Producers and workers need none.
        settings: All settings at once, instead of reading them from the environment.

    Nothing is connected before the first enqueue.
    """

    @checks_options("JobQueue")
    def __init__(
        self,
        redis_url: str | None = None,
        database_url: str | None = None,
        *,
        settings: Settings | None = None,
    ) -> None:
        Declaring.__init__(self)
        Configured.__init__(self, redis_url, database_url, settings)
        self._strange: set[str] = set()  # undeclared names that were asked for

    # Declaring and sending

    @cached_property
    def defaults(self) -> Defaults:
        """What jobs get when neither they nor their handler say otherwise."""
        settings = self.settings
        priority = parse_priority(settings.default_priority)
        return Defaults(
            settings.default_queue,
            priority,
            settings.max_arguments,
            settings.idempotency_ttl,
            self._queue_limits,
        )

    def ref(self, name: str) -> JobCall[..., Any]:
        """Return a job by name, for producers that don't have the handler's code.

        A name that the app does not declare, but nearly, is logged once as a warning: it may
        be misspelt, or belong to code that is elsewhere.

        Raises:
            InvalidJob: It can't be a name.
        """
        handler = self._registry.get(check_name(name))
        if handler is None and name not in self._strange:
            self._strange.add(name)
            if near := nearest(name, self._registry):
                log.warning("job name is not declared", extra={"job": name, "did_you_mean": near})
        return JobCall(self, name, handler, {})

    @cached_property
    def client(self) -> "Client":
        """Sends jobs and waits for results."""
        return self._only("client", self.wiring.client())

    async def enqueue_many(self, jobs: Iterable[Prepared]) -> list[JobHandle[Any]]:
        """Enqueue prepared jobs, a thousand of one queue in a round trip.

        An iterator prepares the next batch while the last one is under way; where it refuses
        a job, the batches before are stored. Give a list to have all checked first. When
        Redis goes away in the middle, some batches are stored and others are not, and of one
        some partitions; sending the same prepared jobs again makes no job twice, since each has
        its id already.

        Returns:
            A handle for each, in their order; ``status`` says what became of it.

        Raises:
            InvalidJob: An iterator that prepares them refused one.
            EnqueueUncertain: Redis took a batch and never answered; ``job_ids`` names all jobs
                that are in doubt.
            BrokerUnavailable: Redis can't be reached; this batch was not stored.
        """
        return await self.client.enqueue_many(jobs)

    def enqueue_many_sync(self, jobs: Iterable[Prepared]) -> list[JobHandle[Any]]:
        """The form of :meth:`enqueue_many` for programs without an event loop."""
        return self.client.enqueue_many_sync(jobs)

    # Services

    @cached_property
    def wiring(self) -> "Wiring":
        """What everything of this app that talks to a server shares."""
        from jobqueue.services.wiring import Wiring

        return self._only("wiring", Wiring(self.settings, self._queue_limits))

    @cached_property
    def services(self) -> "Services":
        """Makes services, and what operators use."""
        from jobqueue.services.services import Services

        return self._only(
            "services",
            Services(
                self.wiring,
                self.settings,
                self._registry,
                self._schedules,
                self._queue_limits,
                self.extensions,
            ),
        )

    def _only(self, name: str, made: R) -> R:
        """Return what the first of several threads made; from Python 3.12 on they may race here."""
        only: R = self.__dict__.setdefault(name, made)
        return only

    @asynccontextmanager
    async def worker(
        self,
        *,
        queues: Sequence[str] | Mapping[str, int] | None = None,
        concurrency: int | None = None,
    ) -> AsyncIterator["Worker"]:
        """Run a worker beside your code, in this event loop; it drains at the end.

        Args:
            queues: Queues to serve, each before the next, or by weight (``{"a": 6, "b": 3}``);
                else every queue that a handler names, and the default one, which take turns.
            concurrency: Jobs at once.

        Raises:
            BrokerUnavailable: Redis did not answer for ten seconds.
            ConfigurationError: A handler can't run here.
        """
        from jobqueue.services.running import running

        async with running(await self.services.worker(queues, concurrency)) as worker:
            yield worker

    async def run_worker(
        self,
        *,
        queues: Sequence[str] | Mapping[str, int] | None = None,
        concurrency: int | None = None,
    ) -> None:
        """Run a worker until this task is cancelled; running jobs get the grace."""
        async with self.worker(queues=queues, concurrency=concurrency) as worker:
            await worker.wait()

    @asynccontextmanager
    async def scheduler(self) -> AsyncIterator["Service"]:
        """Run a scheduler beside your code, in this event loop.

        Raises:
            BrokerUnavailable: Redis did not answer for ten seconds.
        """
        from jobqueue.services.running import running

        async with running(await self.services.scheduler()) as scheduler:
            yield scheduler

    async def run_scheduler(self) -> None:
        """Run a scheduler until this task is cancelled."""
        async with self.scheduler() as scheduler:
            await scheduler.wait()

    # Closing

    async def close(self) -> None:
        """Close every connection of this event loop, and the blocking ones.

        A program that goes on without the app should; a loop that ends closes its own. An
        app that was closed opens again when it is used.
        """
        if "client" in self.__dict__:
            await self.client.close()

    def close_sync(self) -> None:
        """Close the blocking connections."""
        if "client" in self.__dict__:
            self.client.close_sync()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close_sync()
