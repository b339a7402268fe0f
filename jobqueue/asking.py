"""What an app can be asked: about jobs, queues and living services.

Each question has an asynchronous form, which does the work, and a ``_sync`` form for
programs without an event loop, which runs the other one.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, Unpack

from jobqueue.client.blocking import refuse_loop
from jobqueue.domain.listing import JobFilter, JobPage
from jobqueue.domain.stats import Stats
from jobqueue.domain.views import FoundJob, QueueView
from jobqueue.domain.why import Why
from jobqueue.domain.workers import WorkerView

if TYPE_CHECKING:
    from jobqueue.services import Services

Q = ParamSpec("Q")
R = TypeVar("R")


class Asking(ABC):
    """The questions to a :class:`JobQueue`."""

    @property
    @abstractmethod
    def services(self) -> "Services":
        """Makes everything that talks to a server."""

    async def find(self, job_id: str, *, queue: str | None = None) -> list[FoundJob]:
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

    def find_sync(self, job_id: str, *, queue: str | None = None) -> list[FoundJob]:
        """The form of :meth:`find` for programs without an event loop."""
        return run_sync("find", self.find, job_id, queue=queue)

    async def list_jobs(
        self, *, after: str | None = None, limit: int = 50, **where: Unpack[JobFilter]
    ) -> JobPage:
        """List jobs: running, ready, blocked and scheduled ones by their turn, then ended ones.

        Ended jobs come with the latest first, from the history where a database URL is set. A
        job that moves on while you turn the pages may be met twice, or missed.

        Args:
            after: ``after`` of the page before.
            limit: Most jobs in a page. A page may have fewer where few of many jobs fit; the
                last one has no ``after``.
            **where: Which jobs; see :class:`JobFilter`.

        Raises:
            ConfigurationError: The filter is unknown, or a state is.
            InvalidJob: A value of the filter, ``after`` or ``limit`` can't be right.
            BrokerUnavailable: Redis can't be reached.
        """
        return await self.services.listing().page(where, after, limit)

    def list_jobs_sync(
        self, *, after: str | None = None, limit: int = 50, **where: Unpack[JobFilter]
    ) -> JobPage:
        """The form of :meth:`list_jobs` for programs without an event loop."""
        return run_sync("list_jobs", self.list_jobs, after=after, limit=limit, **where)

    async def why(self, job_id: str, *, queue: str | None = None) -> Why:
        """Say why a job is where it is: what holds it, who runs it, or how it ended.

        Args:
            job_id: Its id.
            queue: Its queue; needed where several queues have a job with this id.

        Raises:
            JobNotFound: There is no such job.
            ConfigurationError: Several queues have a job with this id, and none was named.
            BrokerUnavailable: Redis can't be reached.
            HistoryUnavailable: Redis does not know the job and PostgreSQL can't be asked.
            SchemaMismatch: Redis does not know the job and the schema is wrong.
        """
        return await self.services.reasons().why(job_id, queue)

    def why_sync(self, job_id: str, *, queue: str | None = None) -> Why:
        """The form of :meth:`why` for programs without an event loop."""
        return run_sync("why", self.why, job_id, queue=queue)

    async def queue_counts(self, *, queue: str | None = None) -> list[QueueView]:
        """Count the jobs of one queue, or of every queue that ever had one.

        Raises:
            BrokerUnavailable: Redis can't be reached.
        """
        return await self.services.lookups().queue_counts(queue)

    def queue_counts_sync(self, *, queue: str | None = None) -> list[QueueView]:
        """The form of :meth:`queue_counts` for programs without an event loop."""
        return run_sync("queue_counts", self.queue_counts, queue=queue)

    async def list_workers(self, *, queue: str | None = None) -> list[WorkerView]:
        """Return the living workers; one that died is gone within two leases.

        Args:
            queue: Only those that serve this queue.

        Raises:
            BrokerUnavailable: Redis can't be reached.
        """
        return await self.services.workers().all(queue)

    def list_workers_sync(self, *, queue: str | None = None) -> list[WorkerView]:
        """The form of :meth:`list_workers` for programs without an event loop."""
        return run_sync("list_workers", self.list_workers, queue=queue)

    async def find_worker(self, worker_id: str) -> WorkerView:
        """Return a living worker, and the jobs that it runs.

        Raises:
            WorkerNotFound: No living worker has this id.
            BrokerUnavailable: Redis can't be reached.
        """
        return await self.services.workers().find(worker_id)

    def find_worker_sync(self, worker_id: str) -> WorkerView:
        """The form of :meth:`find_worker` for programs without an event loop."""
        return run_sync("find_worker", self.find_worker, worker_id)

    async def stats(self, since: datetime) -> Stats:
        """Sum up what ran since the beginning of an hour, by name and by queue.

        Args:
            since: With its time zone; the hour in which it lies is counted whole.

        Raises:
            ConfigurationError: No database URL is set.
            InvalidJob: The time has no zone.
            HistoryUnavailable: PostgreSQL can't be reached.
            SchemaMismatch: The schema is wrong.
        """
        return await self.services.figures().since(since)

    def stats_sync(self, since: datetime) -> Stats:
        """The form of :meth:`stats` for programs without an event loop."""
        return run_sync("stats", self.stats, since)

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
        return run_sync("living", self.living, role)


def run_sync(
    method: str, call: Callable[Q, Coroutine[Any, Any, R]], *args: Q.args, **kwargs: Q.kwargs
) -> R:
    """Run one question in an event loop of its own."""
    refuse_loop(f"{method}_sync", f"await {method}(...)")
    return asyncio.run(call(*args, **kwargs))
