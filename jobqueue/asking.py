"""What an app can be asked: about jobs, queues, living services and dead letters.

Each question has an asynchronous form, which does the work, and a ``_sync`` form for
programs without an event loop, which runs the other one.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from jobqueue.client.blocking import refuse_loop
from jobqueue.domain.views import DeadLetter, FoundJob, QueueView, Retried

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

    async def queue_counts(self, *, queue: str | None = None) -> list[QueueView]:
        """Count the jobs of one queue, or of every queue that ever had one.

        Raises:
            BrokerUnavailable: Redis can't be reached.
        """
        return await self.services.lookups().queue_counts(queue)

    def queue_counts_sync(self, *, queue: str | None = None) -> list[QueueView]:
        """The form of :meth:`queue_counts` for programs without an event loop."""
        return run_sync("queue_counts", self.queue_counts, queue=queue)

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

    async def dead_letters(
        self,
        *,
        queue: str | None = None,
        name: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[DeadLetter]:
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
    ) -> list[DeadLetter]:
        """The form of :meth:`dead_letters` for programs without an event loop."""
        return run_sync(
            "dead_letters", self.dead_letters, queue=queue, name=name, before=before, limit=limit
        )

    async def retry_dead_letters(self, ids: Iterable[str]) -> list[Retried]:
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

    def retry_dead_letters_sync(self, ids: Iterable[str]) -> list[Retried]:
        """The form of :meth:`retry_dead_letters` for programs without an event loop."""
        return run_sync("retry_dead_letters", self.retry_dead_letters, ids)


def run_sync(
    method: str, call: Callable[Q, Coroutine[Any, Any, R]], *args: Q.args, **kwargs: Q.kwargs
) -> R:
    """Run one question in an event loop of its own."""
    refuse_loop(f"{method}_sync", f"await {method}(...)")
    return asyncio.run(call(*args, **kwargs))
