"""What of an app talks to Redis, and the client, which needs nothing else.

With it a producer has all that it needs; what workers, schedulers and operators need is imported
by none of this, and would take half as long again.
"""

from collections.abc import Mapping
from functools import cached_property

from jobqueue.broker.calls import Calls
from jobqueue.broker.keys import Keys
from jobqueue.broker.messages import Watched
from jobqueue.broker.servers import Server
from jobqueue.broker.splits import Splits
from jobqueue.client.client import Client
from jobqueue.client.wire import Wire
from jobqueue.domain.limits import QueueLimits
from jobqueue.domain.replication import Replication
from jobqueue.settings import Settings


class Wiring:
    """Whatever one app knows of its servers; clients, operators and services share it.

    Args:
        settings: Where the servers are, and everything else.
        queue_limits: What the app declares for whole queues.

    Attributes:
        calls: Makes the calls of scripts.
    """

    def __init__(self, settings: Settings, queue_limits: Mapping[str, QueueLimits]) -> None:
        self._settings = settings
        self._queue_limits = queue_limits
        self.calls = Calls(Keys(settings.prefix))

    @cached_property
    def server(self) -> Server:
        """Where Redis is.

        Raises:
            ConfigurationError: No Redis URL is set.
        """
        return Server(self._settings.required("redis_url"))

    @cached_property
    def splits(self) -> Splits:
        """The partitions of queues, as far as this app knows."""
        own = {queue: each.partitions for queue, each in self._queue_limits.items()}
        return Splits(self.calls, {queue: n for queue, n in own.items() if n})

    @cached_property
    def wire(self) -> Wire:
        """What everything here that talks to Redis for a producer or an operator shares."""
        settings = self._settings
        replication = Replication(settings.replicas, settings.replication_timeout)
        return Wire(self.server, self.calls, self.splits, settings.enqueue_timeout, replication)

    def client(self) -> Client:
        """Return a client."""
        return Client(self.wire, self._archived)

    async def _archived(self, queue: str, job_id: str) -> Watched | None:
        if self._settings.database_url is None:
            return None
        from jobqueue.client.archive import ended  # producers without a history need no SQLAlchemy

        return await ended(self._settings.database_url, queue, job_id)
