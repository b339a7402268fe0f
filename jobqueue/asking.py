"""What an app can be asked: about jobs, queues and living services.

Each question has an asynchronous form, which does the work, and a ``_sync`` form for
programs without an event loop, which runs the other one.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from jobqueue.client.blocking import refuse_loop
from jobqueue.domain.views import FoundJob, QueueView

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


def run_sync(
    method: str, call: Callable[Q, Coroutine[Any, Any, R]], *args: Q.args, **kwargs: Q.kwargs
) -> R:
    """Run one question in an event loop of its own."""
    refuse_loop(f"{method}_sync", f"await {method}(...)")
    return asyncio.run(call(*args, **kwargs))
