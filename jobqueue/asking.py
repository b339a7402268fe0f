"""What an app can be asked: about jobs, queues and living services.

Each question has an asynchronous form, which does the work, and a ``_sync`` form for
programs without an event loop, which runs the other one.
"""

from abc import ABC, abstractmethod
from datetime import datetime
from typing import TYPE_CHECKING, Any, Unpack

from jobqueue.client.blocking import blocking
from jobqueue.domain.entries import LogEntry, LogFilter
from jobqueue.domain.listing import JobFilter, JobPage
from jobqueue.domain.stats import Stats
from jobqueue.domain.views import FoundJob, QueueView
from jobqueue.domain.why import Why
from jobqueue.domain.workers import WorkerView

if TYPE_CHECKING:
    from jobqueue.services.services import Services


class Asking(ABC):
    """The questions to a :class:`JobQueue`."""

    @property
    @abstractmethod
    def services(self) -> "Services":
        """Makes services, and what operators use."""

    async def find(self, job_id: str, *, queue: str | None = None) -> list[FoundJob]:
        """Look a job up, in any state, in Redis and in the history if a database URL is set.

        Args:
            job_id: Its id. Ids belong to a queue, so several queues may each have one.
            queue: Ask only this queue.

        Returns:
            The jobs with this id by queue, at least one. With one of the two servers away what
            the other one knows, and the problem.

        Raises:
            JobNotFound: There is none.
            BrokerUnavailable: Redis can't be reached, and the history does not know the job.
            HistoryUnavailable: Redis does not know the job and PostgreSQL can't be asked.
            SchemaMismatch: Redis does not know the job and the schema is wrong.
        """
        return await self.services.lookups().find(job_id, queue)

    find_sync = blocking(find)

    async def list_jobs(
        self, *, after: str | None = None, limit: int = 50, **where: Unpack[JobFilter]
    ) -> JobPage:
        """List jobs: running, ready, blocked and scheduled ones by their turn, then ended ones.

        Ended jobs come with the latest first, from the history where a database URL is set:
        those of the last seven days where ``queue``, ``tag`` or ``state`` choose among them, and
        neither ``name`` nor ``since`` does. A job that moves on while you turn the pages may be
        met twice, or missed. With one of the two servers away the list holds what the other one
        knows, and the problem.

        Args:
            after: ``after`` of the page before.
            limit: Most jobs in a page. A page may have fewer where few of many jobs fit; the
                last one has no ``after``.
            **where: Which jobs; see :class:`JobFilter`.

        Raises:
            ConfigurationError: The filter is unknown, or a state is.
            InvalidJob: A value of the filter, ``after`` or ``limit`` can't be right.
            BrokerUnavailable: Redis can't be reached, and the history has no such jobs, or can't
                be asked either.
        """
        return await self.services.listing().page(where, after, limit)

    list_jobs_sync = blocking(list_jobs)

    async def why(self, job_id: str, *, queue: str | None = None) -> Why:
        """Say why a job is where it is: what holds it, who runs it, or how it ended.

        Args:
            job_id: Its id.
            queue: Its queue; needed where several queues have a job with this id.

        Raises:
            JobNotFound: There is no such job.
            ConfigurationError: Several queues have a job with this id, and none was named.
            BrokerUnavailable: Redis can't be reached, and the history does not know of its end.
            HistoryUnavailable: Redis does not know the job and PostgreSQL can't be asked.
            SchemaMismatch: Redis does not know the job and the schema is wrong.
        """
        return await self.services.reasons().why(job_id, queue)

    why_sync = blocking(why)

    async def queue_counts(self, *, queue: str | None = None) -> list[QueueView]:
        """Count the jobs of one queue, or of every queue that ever had one.

        Raises:
            BrokerUnavailable: Redis can't be reached.
        """
        return await self.services.lookups().queue_counts(queue)

    queue_counts_sync = blocking(queue_counts)

    async def list_workers(self, *, queue: str | None = None) -> list[WorkerView]:
        """Return the living workers; one that died is gone within two leases.

        Args:
            queue: Only those that serve this queue.

        Raises:
            BrokerUnavailable: Redis can't be reached.
        """
        return await self.services.workers().all(queue)

    list_workers_sync = blocking(list_workers)

    async def find_worker(self, worker_id: str) -> WorkerView:
        """Return a living worker, and the jobs that it runs.

        Raises:
            WorkerNotFound: No living worker has this id.
            BrokerUnavailable: Redis can't be reached.
        """
        return await self.services.workers().find(worker_id)

    find_worker_sync = blocking(find_worker)

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

    stats_sync = blocking(stats)

    async def operator_log(
        self, *, after: str | None = None, limit: int = 50, **where: Unpack[LogFilter]
    ) -> list[LogEntry]:
        """Return what operators did, the newest first: who, when, what and why.

        Args:
            after: ``id`` of the last entry of the page before.
            limit: Most entries in a page; a shorter page is the last one.
            **where: Which entries; see :class:`LogFilter`.

        Raises:
            ConfigurationError: No database URL is set, or the filter is unknown.
            InvalidJob: A value of the filter, ``after`` or ``limit`` can't be right.
            HistoryUnavailable: PostgreSQL can't be reached.
            SchemaMismatch: The schema is wrong.
        """
        return await self.services.entries().page(where, after, limit)

    operator_log_sync = blocking(operator_log)

    async def living(self, role: str | None = None) -> list[dict[str, Any]]:
        """Return what living services say of themselves; one that died is gone within seconds.

        Args:
            role: ``worker``, ``scheduler`` or ``recorder``; None for all.

        Raises:
            BrokerUnavailable: Redis can't be reached.
        """
        return await self.services.lookups().services(role)

    living_sync = blocking(living)
