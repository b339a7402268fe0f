"""What an app can do to many jobs: cancel what has a name or a tag, purge a queue."""

from jobqueue.asking import Asking
from jobqueue.client.blocking import blocking
from jobqueue.client.logbook import Command
from jobqueue.client.options import PriorityName
from jobqueue.domain.jobs import Priority
from jobqueue.domain.operations import Swept


class Sweeping(Asking):
    """The changes that a :class:`JobQueue` makes to many jobs."""

    async def cancel_all(
        self,
        *,
        queue: str | None = None,
        name: str | None = None,
        tag: str | None = None,
        reason: str = "",
        operator: str | None = None,
        dry_run: bool = False,
    ) -> Swept:
        """Cancel all jobs of a queue, a name or a tag: those that wait, and those that run.

        What is asked for must all fit. Jobs that are enqueued meanwhile stay. Where it is cut
        short, repeating it does the rest.

        Args:
            queue: Only jobs of this queue.
            name: Only jobs of this name.
            tag: Only jobs with this tag.
            reason: Why, for the history and the operator log.
            operator: Who, for the operator log; else the setting ``operator``.
            dry_run: Change nothing and count.

        Returns:
            How many waited and how many run.

        Raises:
            InvalidJob: There can be no such queue, name or tag.
            ConfigurationError: Neither queue nor name nor tag was named.
            BrokerUnavailable: Redis can't be reached.
            HistoryUnavailable: The journal is half full, and no recorder takes rows out of it.
        """
        from jobqueue.client.sweeping import of_filter  # brings redis

        fits, command = of_filter(queue, name, tag), Command(operator, reason)
        return await self.services.sweeps().sweep("jobs.cancel", fits, command, dry_run=dry_run)

    cancel_all_sync = blocking(cancel_all)

    async def purge(
        self,
        queue: str,
        *,
        priority: Priority | PriorityName | None = None,
        reason: str = "",
        operator: str | None = None,
        dry_run: bool = False,
    ) -> int:
        """End all jobs that wait in a queue, or in one priority of it; return how many.

        Those that run go on; so do jobs that are enqueued meanwhile. Each leaves a row that says
        that it was cancelled, for the reason ``purged``. Where it is cut short, repeating it does
        the rest.

        Args:
            queue: The queue.
            priority: Only jobs of this priority.
            reason: Why, for the history and the operator log.
            operator: Who, for the operator log; else the setting ``operator``.
            dry_run: Change nothing and count.

        Raises:
            InvalidJob: There can be no such queue or priority.
            BrokerUnavailable: Redis can't be reached.
            HistoryUnavailable: The journal is half full, and no recorder takes rows out of it.
        """
        from jobqueue.client.sweeping import of_queue  # brings redis

        fits, command = of_queue(queue, priority), Command(operator, reason)
        done = await self.services.sweeps().sweep("purge", fits, command, dry_run=dry_run)
        return done.waiting

    purge_sync = blocking(purge)
