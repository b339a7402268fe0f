"""What an app can do with a job that has ended: enqueue it once more."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from jobqueue.asking import Asking
from jobqueue.client.blocking import blocking
from jobqueue.client.declared import JobCall
from jobqueue.client.handle import JobHandle
from jobqueue.client.logbook import Command
from jobqueue.client.options import Seconds
from jobqueue.client.repeating import options_of, whole_arguments
from jobqueue.domain.errors import HistoryUnavailable, JobConflict, JobNotFound
from jobqueue.domain.jobs import State

if TYPE_CHECKING:
    from jobqueue.client.client import Client


class Repeating(Asking):
    """The jobs that a :class:`JobQueue` enqueues from its history."""

    @property
    @abstractmethod
    def client(self) -> "Client":
        """Sends jobs and waits for results."""

    @abstractmethod
    def ref(self, name: str) -> JobCall[..., Any]:
        """Return a job by name."""

    async def reenqueue(
        self,
        job_id: str,
        *,
        queue: str | None = None,
        delay: Seconds | None = None,
        reason: str = "",
        operator: str | None = None,
    ) -> JobHandle[Any]:
        """Enqueue a job that has ended once more, as a new one with an id of its own.

        It gets the name, arguments, queue, priority, tags and metadata of the first one; all else
        is as its handler declares it now, where the app has the handler. A lock and an
        idempotency key are not taken over. A dead letter is put back by
        :meth:`retry_dead_letters`, with everything that it had.

        Args:
            job_id: Id of the job that has ended.
            queue: Its queue; needed where several queues have a job with this id.
            delay: Run no sooner than this from now.
            reason: Why, for the operator log.
            operator: Who, for the operator log; else the setting ``operator``.

        Returns:
            A handle for the new job.

        Raises:
            JobNotFound: There is no such job.
            JobConflict: It has not ended, or is dead.
            ConfigurationError: Several queues have a job with this id, and none was named.
            InvalidJob: Some of its arguments are hidden in the history, or do not fit any more.
            EnqueueUncertain: Redis took the new job and never answered.
            BrokerUnavailable: Redis can't be reached; nothing was stored.
            HistoryUnavailable: Redis does not know what to run and PostgreSQL can't be asked.
            SchemaMismatch: Redis does not know the job and the schema is wrong.
        """
        lookups = self.services.lookups()
        job, _ = await lookups.one(job_id, queue)
        if job.state is None or job.name is None:
            if job.history_problem is not None:  # only its result is kept in Redis
                raise HistoryUnavailable(job.history_problem)
            raise JobNotFound(job_id)
        if job.state is State.DEAD:
            gone = await lookups.deletion(job)
            problem = gone.text if gone else f"`jobqueue dlq retry {job_id}` puts it back"
            raise JobConflict(job_id, job.state, problem)
        if not job.state.terminal:
            raise JobConflict(job_id, job.state, "it has not ended, so it can't be repeated yet")
        args, kwargs = whole_arguments(job)
        call = self.ref(job.name).options(**options_of(job)).options(delay=delay)
        prepared = call.prepare(*args, **kwargs)
        facts = {"queue": job.queue, "job_id": job_id, "details": {"new_job_id": prepared.job.id}}
        await self.services.logbook().note("jobs.reenqueue", Command(operator, reason), **facts)
        return await self.client.enqueue(prepared)

    reenqueue_sync = blocking(reenqueue)
