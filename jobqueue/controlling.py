"""What an app can change about jobs and queues: cancelling, and limits at run time."""

from jobqueue.asking import Asking, run_sync
from jobqueue.domain.errors import JobConflict, JobNotFound
from jobqueue.domain.jobs import State
from jobqueue.domain.limits import Rate
from jobqueue.domain.views import LimitView


class Controlling(Asking):
    """The changes that a :class:`JobQueue` makes."""

    async def cancel(self, job_id: str, *, queue: str | None = None, reason: str = "") -> State:
        """Cancel a job: one that waits never runs; one that runs is told.

        An async handler is cancelled, a child process killed; a handler in a thread sees
        ``current_job().cancelled``. A job that ends by itself before it hears of it keeps
        its outcome, but is not tried again.

        Args:
            job_id: Its id.
            queue: Its queue; needed where several queues have a job with this id.
            reason: Why, for the history.

        Returns:
            The state in which it was.

        Raises:
            JobNotFound: There is no such job.
            JobConflict: It has ended already, cancelled or otherwise.
            ConfigurationError: Several queues have a job with this id, and none was named.
            BrokerUnavailable: Redis can't be reached.
            HistoryUnavailable: Redis does not know the job and PostgreSQL can't be asked.
            SchemaMismatch: Redis does not know the job and the schema is wrong.
        """
        try:
            return await self.services.control().cancel(job_id, queue, reason)
        except JobNotFound:
            state = (await self.find(job_id, queue=queue))[0].state
            if state is None or not state.terminal:
                raise  # Redis lost it: no row says how it ended, or whether it did
            raise JobConflict(job_id, state) from None

    def cancel_sync(self, job_id: str, *, queue: str | None = None, reason: str = "") -> State:
        """The form of :meth:`cancel` for programs without an event loop."""
        return run_sync("cancel", self.cancel, job_id, queue=queue, reason=reason)

    async def limits(self, *, queue: str | None = None) -> list[LimitView]:
        """Return the limits of one queue, or of all, with what they hold now.

        Raises:
            BrokerUnavailable: Redis can't be reached.
        """
        return await self.services.control().limits(queue)

    def limits_sync(self, *, queue: str | None = None) -> list[LimitView]:
        """The form of :meth:`limits` for programs without an event loop."""
        return run_sync("limits", self.limits, queue=queue)

    async def set_limit(self, queue: str, label: str, value: int | Rate | None) -> list[LimitView]:
        """Set a limit at run time, over what code declares; None takes it back.

        Args:
            queue: The queue.
            label: ``limit:queue``, ``rate:queue``, ``depth:queue``, ``limit:job:NAME``,
                ``rate:job:NAME``, or the label of a declared limit by key.
            value: How many; for a rate a ``Rate``.

        Returns:
            The limits of the queue.

        Raises:
            ConfigurationError: The label or value is wrong.
            BrokerUnavailable: Redis can't be reached.
        """
        return await self.services.control().set_limit(queue, label, value)

    def set_limit_sync(self, queue: str, label: str, value: int | Rate | None) -> list[LimitView]:
        """The form of :meth:`set_limit` for programs without an event loop."""
        return run_sync("set_limit", self.set_limit, queue, label, value)
