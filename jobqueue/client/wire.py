"""What producers and questions of one app share: where Redis is, and how to talk to it."""

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from jobqueue.broker import lookup
from jobqueue.broker.calls import Calls
from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import TIMEOUT, Lane
from jobqueue.broker.servers import Server
from jobqueue.broker.splits import Splits
from jobqueue.client.prepared import Prepared, Replicated, Synced
from jobqueue.domain.ids import check_queue
from jobqueue.domain.replication import Replication


class Wire(msgspec.Struct, frozen=True):
    """Where Redis is, and how to talk to it.

    Args:
        server: Where Redis is.
        calls: Makes the calls.
        splits: Asks for the partitions of queues, and remembers them.
        patience: Seconds to go on trying when Redis does not answer.
        replication: What jobs wait for that ask for replicas.
    """

    server: Server
    calls: Calls
    splits: Splits
    patience: float
    replication: Replication

    @property
    def keys(self) -> Keys:
        """Names of the keys."""
        return self.calls.keys

    async def places(self, lane: Lane, queue: str | None) -> list[str]:
        """Return where jobs of a queue may be, of all queues for None.

        Raises:
            InvalidJob: There can be no queue of this name.
        """
        return await lookup.places(lane, self.keys, queue and check_queue(queue))

    @property
    def try_timeout(self) -> float:
        """Seconds that one answer may take where there is to be time for a second try."""
        return min(TIMEOUT, self.patience / 2)

    def replication_of(self, kind: type[Prepared]) -> Replication | None:
        """Return what jobs of a kind wait for; None for those that ask for nothing."""
        return None if kind is Prepared else replace(self.replication, disk=kind is Synced)


def kind_of(batch: Iterable[Prepared]) -> type[Prepared]:
    """Return the kind that all jobs of a batch wait like: the most careful one."""
    kinds = {type(job) for job in batch}
    return next((kind for kind in (Synced, Replicated) if kind in kinds), Prepared)
