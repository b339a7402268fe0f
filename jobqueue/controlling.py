"""What an app can change about jobs, queues and workers; here limits at run time."""

from jobqueue.changing import Changing
from jobqueue.client.blocking import blocking
from jobqueue.client.logbook import Command
from jobqueue.domain.limits import Rate
from jobqueue.domain.views import LimitView
from jobqueue.pausing import Pausing
from jobqueue.repeating import Repeating
from jobqueue.sweeping import Sweeping


class Controlling(Changing, Repeating, Sweeping, Pausing):
    """The changes that a :class:`JobQueue` makes."""

    async def limits(self, *, queue: str | None = None) -> list[LimitView]:
        """Return the limits of one queue, or of all, with what they hold now.

        Raises:
            BrokerUnavailable: Redis can't be reached.
        """
        return await self.services.control().limits(queue)

    limits_sync = blocking(limits)

    async def set_limit(
        self,
        queue: str,
        label: str,
        value: int | Rate | None,
        *,
        reason: str = "",
        operator: str | None = None,
    ) -> list[LimitView]:
        """Set a limit at run time, over what code declares; None takes it back.

        Args:
            queue: The queue.
            label: ``limit:queue``, ``rate:queue``, ``depth:queue``, ``limit:job:NAME``,
                ``rate:job:NAME``, or the label of a declared limit by key.
            value: How many; for a rate a ``Rate``.
            reason: Why, for the operator log.
            operator: Who, for the operator log; else the setting ``operator``.

        Returns:
            The limits of the queue.

        Raises:
            ConfigurationError: The label or value is wrong.
            BrokerUnavailable: Redis can't be reached.
        """
        command = Command(operator, reason)
        return await self.services.control().set_limit(queue, label, value, command)

    set_limit_sync = blocking(set_limit)
