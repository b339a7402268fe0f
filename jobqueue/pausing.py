"""What an app can pause: a queue, everything, a worker."""

from jobqueue.asking import Asking, run_sync
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

    def pauses_sync(self) -> list[Pause]:
        """The form of :meth:`pauses` for programs without an event loop."""
        return run_sync("pauses", self.pauses)

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

    def pause_sync(
        self, queue: str, *, reason: str = "", operator: str | None = None
    ) -> Pause | None:
        """The form of :meth:`pause` for programs without an event loop."""
        return run_sync("pause", self.pause, queue, reason=reason, operator=operator)

    async def pause_all(self, *, reason: str = "", operator: str | None = None) -> Pause | None:
        """Pause every queue, also those to come; see :meth:`pause`.

        It is a pause of its own: queues that were paused before stay so when it ends.
        """
        return await self.services.pauses().pause(None, Command(operator, reason))

    def pause_all_sync(self, *, reason: str = "", operator: str | None = None) -> Pause | None:
        """The form of :meth:`pause_all` for programs without an event loop."""
        return run_sync("pause_all", self.pause_all, reason=reason, operator=operator)

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

    def resume_sync(self, queue: str, *, reason: str = "", operator: str | None = None) -> bool:
        """The form of :meth:`resume` for programs without an event loop."""
        return run_sync("resume", self.resume, queue, reason=reason, operator=operator)

    async def resume_all(self, *, reason: str = "", operator: str | None = None) -> bool:
        """End the pause of everything; queues that are paused by themselves stay so.

        Returns:
            Whether everything was paused.

        Raises:
            BrokerUnavailable: Redis can't be reached; the same call again resumes the rest.
        """
        return await self.services.pauses().resume(None, Command(operator, reason))

    def resume_all_sync(self, *, reason: str = "", operator: str | None = None) -> bool:
        """The form of :meth:`resume_all` for programs without an event loop."""
        return run_sync("resume_all", self.resume_all, reason=reason, operator=operator)

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

    def pause_worker_sync(
        self, worker: str, *, reason: str = "", operator: str | None = None
    ) -> Pause | None:
        """The form of :meth:`pause_worker` for programs without an event loop."""
        call = self.pause_worker
        return run_sync("pause_worker", call, worker, reason=reason, operator=operator)

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

    def resume_worker_sync(
        self, worker: str, *, reason: str = "", operator: str | None = None
    ) -> bool:
        """The form of :meth:`resume_worker` for programs without an event loop."""
        call = self.resume_worker
        return run_sync("resume_worker", call, worker, reason=reason, operator=operator)

    async def quiet_worker(
        self, worker: str, *, reason: str = "", operator: str | None = None
    ) -> None:
        """Let one worker take no more jobs at all, as SIGTSTP does. See :meth:`pause_worker`."""
        command = Command(operator, reason)
        await self.services.pauses().tell(worker, Action.QUIET, command)

    def quiet_worker_sync(
        self, worker: str, *, reason: str = "", operator: str | None = None
    ) -> None:
        """The form of :meth:`quiet_worker` for programs without an event loop."""
        run_sync("quiet_worker", self.quiet_worker, worker, reason=reason, operator=operator)
