"""What an app can change about single jobs: cancel, delete, prioritise, run now."""

from jobqueue.asking import Asking
from jobqueue.client.blocking import blocking
from jobqueue.client.logbook import Command
from jobqueue.client.options import PriorityName, parse_priority
from jobqueue.domain.errors import JobNotFound
from jobqueue.domain.jobs import Priority, State
from jobqueue.domain.operations import conflict


class Changing(Asking):
    """The changes that a :class:`JobQueue` makes to single jobs."""

    async def cancel(
        self,
        job_id: str,
        *,
        queue: str | None = None,
        reason: str = "",
        operator: str | None = None,
    ) -> State:
        """Cancel a job: one that waits never runs; one that runs is told.

        An async handler is cancelled, a child process killed; a handler in a thread sees
        ``current_job().cancelled``. A job that ends by itself before it hears of it keeps
        its outcome, but is not tried again.

        Args:
            job_id: Its id.
            queue: Its queue; needed where several queues have a job with this id.
            reason: Why, for the history and the operator log.
            operator: Who, for the operator log; else the setting ``operator``.

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
            return await self.services.changes().cancel(job_id, queue, Command(operator, reason))
        except JobNotFound:
            raise conflict("jobs.cancel", job_id, await self._ended(job_id, queue)) from None

    cancel_sync = blocking(cancel)

    async def delete(
        self,
        job_id: str,
        *,
        queue: str | None = None,
        reason: str = "",
        operator: str | None = None,
    ) -> State:
        """Delete a job: one that waits never runs, of one that has ended the result goes.

        The history keeps its rows: one that waited is cancelled there, for the reason ``deleted``.

        Args:
            job_id: Its id.
            queue: Its queue; needed where several queues have a job with this id.
            reason: Why, for the history and the operator log.
            operator: Who, for the operator log; else the setting ``operator``.

        Returns:
            The state in which it was.

        Raises:
            JobNotFound: There is no such job.
            JobConflict: It is running; cancel it first.
            ConfigurationError: Several queues have a job with this id, and none was named.
            BrokerUnavailable: Redis can't be reached.
            HistoryUnavailable: Redis does not know the job and PostgreSQL can't be asked.
            SchemaMismatch: Redis does not know the job and the schema is wrong.
        """
        try:
            return await self.services.changes().delete(job_id, queue, Command(operator, reason))
        except JobNotFound:
            return await self._ended(job_id, queue)

    delete_sync = blocking(delete)

    async def set_priority(
        self,
        job_id: str,
        priority: Priority | PriorityName,
        *,
        queue: str | None = None,
        reason: str = "",
        operator: str | None = None,
    ) -> State:
        """Give a job that waits another priority; among those of the new one it comes last.

        Args:
            job_id: Its id.
            priority: The new one.
            queue: Its queue; needed where several queues have a job with this id.
            reason: Why, for the operator log.
            operator: Who, for the operator log; else the setting ``operator``.

        Returns:
            The state in which it waits.

        Raises:
            JobNotFound: There is no such job.
            JobConflict: It runs or has ended.
            InvalidJob: There is no such priority.
            ConfigurationError: Several queues have a job with this id, and none was named.
            BrokerUnavailable: Redis can't be reached.
            HistoryUnavailable: Redis does not know the job and PostgreSQL can't be asked.
            SchemaMismatch: Redis does not know the job and the schema is wrong.
        """
        level, command = parse_priority(priority), Command(operator, reason)
        try:
            return await self.services.changes().prioritise(job_id, queue, level, command)
        except JobNotFound:
            raise conflict("jobs.priority", job_id, await self._ended(job_id, queue)) from None

    set_priority_sync = blocking(set_priority)

    async def run_now(
        self,
        job_id: str,
        *,
        queue: str | None = None,
        reason: str = "",
        operator: str | None = None,
    ) -> State:
        """Make a job ready now that is scheduled for later, or waits for its next attempt.

        Locks, limits and rates hold for it as for any other.

        Args:
            job_id: Its id.
            queue: Its queue; needed where several queues have a job with this id.
            reason: Why, for the operator log.
            operator: Who, for the operator log; else the setting ``operator``.

        Returns:
            The state in which it was: scheduled or retrying.

        Raises:
            JobNotFound: There is no such job.
            JobConflict: It waits for no time: it is ready, blocked, runs, or has ended.
            ConfigurationError: Several queues have a job with this id, and none was named.
            BrokerUnavailable: Redis can't be reached.
            HistoryUnavailable: Redis does not know the job and PostgreSQL can't be asked.
            SchemaMismatch: Redis does not know the job and the schema is wrong.
        """
        try:
            return await self.services.changes().run_now(job_id, queue, Command(operator, reason))
        except JobNotFound:
            raise conflict("jobs.run-now", job_id, await self._ended(job_id, queue)) from None

    run_now_sync = blocking(run_now)

    async def _ended(self, job_id: str, queue: str | None) -> State:
        """Return how a job ended that Redis does not know."""
        found, _ = await self.services.lookups().one(job_id, queue)
        state = found.state
        if state is None or not state.terminal:
            raise JobNotFound(job_id)  # Redis lost it: no row says how it ended, or whether it did
        return state
