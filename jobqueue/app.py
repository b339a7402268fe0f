"""The one object that users hold: declares jobs, sends them, runs the services."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, cast

from jobqueue.client.declared import Declare, Job, JobCall, Schedulable
from jobqueue.client.handle import JobHandle
from jobqueue.client.prepared import (
    Defaults,
    Prepared,
    PriorityName,
    Seconds,
    parse_priority,
    seconds_of,
    timeout_ms,
)
from jobqueue.domain.errors import ConfigurationError, InvalidJob
from jobqueue.domain.handlers import Handler, Registry, kind_of
from jobqueue.domain.ids import check_name, check_queue
from jobqueue.domain.jobs import Priority
from jobqueue.domain.retry import Retry
from jobqueue.settings import Settings, load

if TYPE_CHECKING:
    from datetime import datetime

    from jobqueue.broker.lookup import QueueView
    from jobqueue.client.client import Client
    from jobqueue.client.lookups import FoundJob
    from jobqueue.client.redrive import Retried
    from jobqueue.domain.schedules import DstName, Schedule
    from jobqueue.history.letters import DeadLetter
    from jobqueue.scheduler.service import Service
    from jobqueue.services import Services
    from jobqueue.worker.worker import Worker

Q = ParamSpec("Q")
R = TypeVar("R")
J = TypeVar("J", bound=Schedulable)


class JobQueue:
    """Your queue: declare handlers with :meth:`job`, enqueue their calls, run workers.

    Args:
        redis_url: Where Redis is; else ``JOBQUEUE_REDIS_URL`` or ``REDIS_URL``.
        database_url: Where PostgreSQL is; else ``JOBQUEUE_DATABASE_URL`` or
            ``DATABASE_URL``. Producers and workers need none.
        settings: All settings at once, instead of reading them from the environment.

    Nothing is connected before the first enqueue.
    """

    def __init__(
        self,
        redis_url: str | None = None,
        database_url: str | None = None,
        *,
        settings: Settings | None = None,
    ) -> None:
        self._urls = {"redis_url": redis_url, "database_url": database_url}
        self._settings = None if settings is None else self._with_urls(settings)
        self._registry = Registry()
        self._schedules: dict[str, tuple[Schedule, JobCall[..., Any]]] = {}

    # Settings

    @property
    def settings(self) -> Settings:
        """The settings, read when they are first needed.

        Raises:
            ConfigurationError: A value is wrong; the message names it.
        """
        if self._settings is None:
            self._settings = load({k: v for k, v in self._urls.items() if v is not None})
        return self._settings

    def configure(self, settings: Settings) -> None:
        """Use these settings instead; the command line does this before it runs a service.

        A URL that the code gave to the app still counts, unless a flag gives another.
        """
        self._settings = self._with_urls(settings)
        for made in ("client", "defaults", "services"):
            self.__dict__.pop(made, None)

    def _with_urls(self, settings: Settings) -> Settings:
        own: dict[str, Any] = {
            name: url
            for name, url in self._urls.items()
            if url is not None and settings.origin(name) != "command line"
        }
        return replace(settings, **own)

    @cached_property
    def defaults(self) -> Defaults:
        """What jobs get when neither they nor their handler say otherwise."""
        settings = self.settings
        priority = parse_priority(settings.default_priority)
        return Defaults(settings.default_queue, priority, settings.max_arguments)

    # Declaring

    @property
    def jobs(self) -> Mapping[str, Handler]:
        """The declared handlers by name."""
        return self._registry

    def job(
        self,
        *,
        name: str | None = None,
        queue: str | None = None,
        priority: PriorityName | Priority | None = None,
        retry: Retry | int | None = None,
        timeout: Seconds | None = None,
        result_ttl: Seconds | None = None,
        process: bool = False,
    ) -> Declare:
        """Declare a function as the handler of a job.

        Args:
            name: The job's name; else the function's.
            queue: Queue of its jobs.
            priority: ``critical``, ``high``, ``normal`` or ``low``.
            retry: Retries after a failure (a number or a ``Retry``); 0 means one run.
            timeout: Longest run of one attempt, in seconds or as a ``timedelta``.
            result_ttl: How long Redis keeps a result that is not ``None``.
            process: Run it in a child process, which a timeout can kill.

        Raises:
            ConfigurationError: An option is wrong, or the name is taken.
        """

        def declare(function: Callable[..., Any]) -> Job[..., Any, Any]:
            kind = kind_of(function, process=process)
            try:
                handler = Handler(
                    name=check_name(function.__name__ if name is None else name),
                    function=function,
                    kind=kind,
                    queue=None if queue is None else check_queue(queue),
                    priority=None if priority is None else parse_priority(priority),
                    retry=None if retry is None else Retry.of(retry),
                    timeout=None if timeout_ms(timeout) is None else seconds_of("timeout", timeout),
                    result_ttl=None if result_ttl is None else seconds_of("result_ttl", result_ttl),
                )
            except (InvalidJob, ConfigurationError) as error:
                label = function.__qualname__
                raise ConfigurationError(f"@app.job on {label}: {error}") from error
            self._registry.add(handler)
            return Job(self, handler)

        return cast("Declare", declare)

    def cron(
        self,
        expression: str,
        *,
        name: str | None = None,
        timezone: str = "UTC",
        dst: "DstName" = "once",
        seconds: bool = False,
    ) -> Callable[[J], J]:
        """Enqueue a declared job by the calendar; write it above ``@app.job``.

        Args:
            expression: ``minute hour day month weekday``, or a word such as ``@daily``.
            name: The schedule's name; else the job's.
            timezone: IANA name of the zone whose wall clock counts.
            dst: What happens where clocks are changed: ``once``, ``every`` or ``skip``.
            seconds: Whether the expression has a sixth field, the seconds, in front.

        Raises:
            ConfigurationError: The expression, the zone or the name is wrong.
        """
        from jobqueue.domain.schedules import Cron

        return self._schedule(Cron(expression, timezone=timezone, dst=dst, seconds=seconds), name)

    def every(
        self, interval: Seconds, *, name: str | None = None, anchor: "datetime | None" = None
    ) -> Callable[[J], J]:
        """Enqueue a declared job at a fixed distance; write it above ``@app.job``.

        Args:
            interval: Seconds or a ``timedelta``.
            name: The schedule's name; else the job's.
            anchor: An aware moment on the grid; else the Unix epoch.

        Raises:
            ConfigurationError: The interval or the name is wrong.
        """
        from jobqueue.domain.schedules import Every

        return self._schedule(Every(interval, anchor=anchor), name)

    def _schedule(self, rule: "Schedule", name: str | None) -> Callable[[J], J]:
        def declare(job: J) -> J:
            if not isinstance(job, Job):
                raise ConfigurationError(
                    "a schedule needs a declared job: write it above @app.job()"
                )
            try:
                label = check_name(job.name if name is None else name)
            except InvalidJob as error:
                raise ConfigurationError(f"schedule: {error}") from error
            if label in self._schedules:
                raise ConfigurationError(f"schedule {label!r} exists twice; give one name='...'")
            try:
                job.handler.parameters.bind((), {})
            except InvalidJob as error:
                raise ConfigurationError(
                    f"schedule {label!r}: {error}, and a schedule gives none"
                ) from error
            self._schedules[label] = (rule, job)
            return job

        return declare

    def ref(self, name: str) -> JobCall[..., Any]:
        """Return a job by name, for producers that don't have the handler's code.

        Raises:
            InvalidJob: It can't be a name.
        """
        return JobCall(self, check_name(name), self._registry.get(name), {})

    # Sending

    @cached_property
    def client(self) -> "Client":
        """Sends jobs and waits for results."""
        return self._only("client", self.services.client())

    async def enqueue_many(self, jobs: Iterable[Prepared]) -> list[JobHandle[Any]]:
        """Enqueue prepared jobs, a thousand of one queue in a round trip.

        An iterator prepares the next batch while the last one is under way; where it refuses
        a job, the batches before are stored. Give a list to have all checked first. When
        Redis goes away in the middle, some batches are stored and others are not; sending
        the same prepared jobs again makes no job twice, since each has its id already.

        Returns:
            A handle for each, in their order; ``status`` says created or exists.

        Raises:
            InvalidJob: An iterator that prepares them refused one.
            EnqueueUncertain: Redis took a batch and never answered; names its first job.
            BrokerUnavailable: Redis can't be reached; this batch was not stored.
        """
        return await self.client.enqueue_many(jobs)

    def enqueue_many_sync(self, jobs: Iterable[Prepared]) -> list[JobHandle[Any]]:
        """The form of :meth:`enqueue_many` for programs without an event loop."""
        return self.client.enqueue_many_sync(jobs)

    # Asking

    async def find(self, job_id: str, *, queue: str | None = None) -> "list[FoundJob]":
        """Look a job up, in any state, in Redis and in the history if a database URL is set.

        Args:
            job_id: Its id. Ids belong to a queue, so several queues may each have one.
            queue: Ask only this queue.

        Returns:
            The jobs with this id by queue, at least one.

        Raises:
            JobNotFound: There is none.
            BrokerUnavailable: Redis can't be reached.
            HistoryUnavailable: Redis does not know the job and PostgreSQL can't be asked.
            SchemaMismatch: Redis does not know the job and the schema is wrong.
        """
        return await self.services.lookups().find(job_id, queue)

    def find_sync(self, job_id: str, *, queue: str | None = None) -> "list[FoundJob]":
        """The form of :meth:`find` for programs without an event loop."""
        return _run("find", self.find, job_id, queue=queue)

    async def queue_counts(self, *, queue: str | None = None) -> "list[QueueView]":
        """Count the jobs of one queue, or of every queue that ever had one.

        Raises:
            BrokerUnavailable: Redis can't be reached.
        """
        return await self.services.lookups().queue_counts(queue)

    def queue_counts_sync(self, *, queue: str | None = None) -> "list[QueueView]":
        """The form of :meth:`queue_counts` for programs without an event loop."""
        return _run("queue_counts", self.queue_counts, queue=queue)

    async def living(self, role: str | None = None) -> list[dict[str, Any]]:
        """Return what living services say of themselves; one that died is gone within seconds.

        Args:
            role: ``worker``, ``scheduler`` or ``recorder``; None for all.

        Raises:
            BrokerUnavailable: Redis can't be reached.
        """
        return await self.services.lookups().services(role)

    def living_sync(self, role: str | None = None) -> list[dict[str, Any]]:
        """The form of :meth:`living` for programs without an event loop."""
        return _run("living", self.living, role)

    async def dead_letters(
        self,
        *,
        queue: str | None = None,
        name: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> "list[DeadLetter]":
        """List dead letters that were not put back or deleted, newest first.

        Args:
            queue: Only jobs of this queue.
            name: Only jobs of this name.
            before: ``execution_id`` of the last letter of the page before.
            limit: Most letters in a page; a shorter page is the last one.

        Raises:
            ConfigurationError: No database URL is set.
            HistoryUnavailable: PostgreSQL can't be reached.
            SchemaMismatch: The schema is wrong.
        """
        return await self.services.letters().page(queue, name, before, limit)

    def dead_letters_sync(
        self,
        *,
        queue: str | None = None,
        name: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> "list[DeadLetter]":
        """The form of :meth:`dead_letters` for programs without an event loop."""
        return _run(
            "dead_letters", self.dead_letters, queue=queue, name=name, before=before, limit=limit
        )

    async def retry_dead_letters(self, ids: Iterable[str]) -> "list[Retried]":
        """Put dead letters back on their queues, each as a new run with all its attempts.

        A job keeps its id, queue, priority and options. Repeating a call that was cut
        short makes no second job.

        Args:
            ids: Execution ids of letters, or ids of jobs; the id of a job stands for
                its newest letter in each queue.

        Returns:
            What became of each, in their order; ``error`` says why one did not go back.

        Raises:
            ConfigurationError: No database URL is set.
            BrokerUnavailable: Redis can't be reached; letters not answered for stay.
            HistoryUnavailable: PostgreSQL can't be reached.
            SchemaMismatch: The schema is wrong.
        """
        return await self.services.letters().retry(list(ids))

    def retry_dead_letters_sync(self, ids: Iterable[str]) -> "list[Retried]":
        """The form of :meth:`retry_dead_letters` for programs without an event loop."""
        return _run("retry_dead_letters", self.retry_dead_letters, ids)

    # Services

    @cached_property
    def services(self) -> "Services":
        """Makes everything that talks to a server."""
        from jobqueue.services import Services

        return self._only("services", Services(self.settings, self._registry, self._schedules))

    def _only(self, name: str, made: R) -> R:
        """Return what the first of several threads made; from Python 3.12 on they may race here."""
        only: R = self.__dict__.setdefault(name, made)
        return only

    @asynccontextmanager
    async def worker(
        self, *, queues: Sequence[str] | None = None, concurrency: int | None = None
    ) -> AsyncIterator["Worker"]:
        """Run a worker beside your code, in this event loop; it drains at the end.

        Args:
            queues: Queues to serve, each before the next; else every queue that a handler
                names, and the default one, which take turns.
            concurrency: Jobs at once.

        Raises:
            BrokerUnavailable: Redis did not answer for ten seconds.
            ConfigurationError: A handler can't run here.
        """
        from jobqueue.services import running

        async with running(await self.services.worker(queues, concurrency)) as worker:
            yield worker

    async def run_worker(
        self, *, queues: Sequence[str] | None = None, concurrency: int | None = None
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
        from jobqueue.services import running

        async with running(await self.services.scheduler()) as scheduler:
            yield scheduler

    async def run_scheduler(self) -> None:
        """Run a scheduler until this task is cancelled."""
        async with self.scheduler() as scheduler:
            await scheduler.wait()

    # Closing

    async def close(self) -> None:
        """Close every connection of this event loop, and the blocking ones."""
        if "client" in self.__dict__:
            await self.client.close()

    def close_sync(self) -> None:
        """Close the blocking connections."""
        if "client" in self.__dict__:
            self.client.close_sync()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close_sync()


def _run(
    method: str, call: Callable[Q, Coroutine[Any, Any, R]], *args: Q.args, **kwargs: Q.kwargs
) -> R:
    """Run one question in an event loop of its own."""
    import asyncio

    from jobqueue.client.client import refuse_loop

    refuse_loop(f"{method}_sync", f"await {method}(...)")
    return asyncio.run(call(*args, **kwargs))
