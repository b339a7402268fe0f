"""What an app can pause: a queue, everything, a worker."""

from jobqueue.asking import Asking
from jobqueue.client.blocking import blocking
from jobqueue.client.logbook import Command
from jobqueue.domain.pauses import Action, Pause


class Pausing(Asking):
    """The pauses of a :class:`JobQueue`."""

    async def pauses(self) -> list[Pause]:
        """Return every pause that lasts, that of everything first; not those of workers.

        Raises:
            BrokerUnavailable: Redis can't be reached.
        """
        return await self.services.pauses().show()

    pauses_sync = blocking(pauses)

    async def pause(
        self, queue: str, *, reason: str = "", operator: str | None = None
    ) -> Pause | None:
        """Keep all workers from taking jobs of a queue, from now on and until it is resumed.

        The queue goes on accepting jobs, running jobs go on, and what is due becomes ready. It
        holds for the next fetch of every worker, and for workers that start later. A queue that is
        paused already stays so, by whom and why it was.

        Args:
            queue: The queue; it need not have had a job.
            reason: Why, for whoever wonders and for the operator log.
            operator: Who, for the same; else the setting ``operator``.

        Returns:
            The pause that was there already and stays as it was; None where it begins now.

        Raises:
            InvalidJob: There can be no such queue.
            BrokerUnavailable: Redis can't be reached; on a cluster some partitions may be paused
                by then, and the same call again pauses all.
        """
        return await self.services.pauses().pause(queue, Command(operator, reason))

    pause_sync = blocking(pause)

    async def pause_all(self, *, reason: str = "", operator: str | None = None) -> Pause | None:
        """Pause every queue, also those to come; see :meth:`pause`.

        It is a pause of its own: queues that were paused before stay so when it ends.
        """
        return await self.services.pauses().pause(None, Command(operator, reason))

    pause_all_sync = blocking(pause_all)

    async def resume(self, queue: str, *, reason: str = "", operator: str | None = None) -> bool:
        """Let workers take jobs of a queue again, unless everything is paused.

        Args:
            queue: The queue.
            reason: Why, for the operator log.
            operator: Who, for the operator log; else the setting ``operator``.

        Returns:
            Whether it was paused by itself.

        Raises:
            InvalidJob: There can be no such queue.
            BrokerUnavailable: Redis can't be reached; the same call again resumes the rest.
        """
        return await self.services.pauses().resume(queue, Command(operator, reason))

    resume_sync = blocking(resume)

    async def resume_all(self, *, reason: str = "", operator: str | None = None) -> bool:
        """End the pause of everything; queues that are paused by themselves stay so.

        Returns:
            Whether everything was paused.

        Raises:
            BrokerUnavailable: Redis can't be reached; the same call again resumes the rest.
        """
        return await self.services.pauses().resume(None, Command(operator, reason))

    resume_all_sync = blocking(resume_all)

    async def pause_worker(
        self, worker: str, *, reason: str = "", operator: str | None = None
    ) -> Pause | None:
        """Let one worker take no more jobs until it is resumed, or ends; running jobs go on.

        Args:
            worker: Its id, as :meth:`living` has it.
            reason: Why, for whoever wonders and for the operator log.
            operator: Who, for the same; else the setting ``operator``.

        Returns:
            The pause that it had already, which stays as it was; None where it begins now.

        Raises:
            WorkerNotFound: No living worker has this id.
            WorkerSilent: It has not said within ten seconds that it does so.
            BrokerUnavailable: Redis can't be reached.
        """
        command = Command(operator, reason)
        return await self.services.pauses().tell(worker, Action.PAUSE, command)

    pause_worker_sync = blocking(pause_worker)

    async def resume_worker(
        self, worker: str, *, reason: str = "", operator: str | None = None
    ) -> bool:
        """End the pause of one worker. See :meth:`pause_worker`.

        Returns:
            Whether it was paused.

        Raises:
            WorkerQuiet: It is quiet; nothing was changed.
        """
        command = Command(operator, reason)
        return await self.services.pauses().tell(worker, Action.RESUME, command) is not None

    resume_worker_sync = blocking(resume_worker)

    async def quiet_worker(
        self, worker: str, *, reason: str = "", operator: str | None = None
    ) -> None:
        """Let one worker take no more jobs at all, as SIGTSTP does. See :meth:`pause_worker`."""
        command = Command(operator, reason)
        await self.services.pauses().tell(worker, Action.QUIET, command)

    quiet_worker_sync = blocking(quiet_worker)
