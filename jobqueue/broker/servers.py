"""Where Redis is: one server, the master that sentinels name, or a cluster."""

from jobqueue.broker.cluster import ClusterLane, SyncClusterLane
from jobqueue.broker.connections import Home, Single
from jobqueue.broker.lanes import TIMEOUT, Lane, SyncLane
from jobqueue.broker.sentinel import Sentinels
from jobqueue.broker.slots import Slots
from jobqueue.domain.topology import several

SILENT = 3.0  # seconds for an answer of one node of several: it holds up what others could do


class Server:
    """Opens lanes to the Redis behind a URL.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``; with ``+sentinel`` or ``+cluster``
            behind the first two, the hosts of several servers.
        name: Shown by ``CLIENT LIST``.
    """

    def __init__(self, url: str, name: str = "jobqueue") -> None:
        self.url = url
        self._home: Home | Slots
        many = several(url)
        if many is None:
            self._home = Single(url, name)
        else:
            self._home = Slots(many, name) if many.kind == "cluster" else Sentinels(many, name)

    @property
    def is_cluster(self) -> bool:
        """Whether queues may live on different servers."""
        return isinstance(self._home, Slots)

    @property
    def patience(self) -> float:
        """Seconds that an answer may take, unless who asks knows better."""
        return SILENT if self.is_cluster else TIMEOUT

    def lane(self, timeout: float | None = None) -> Lane:
        """Return a new asynchronous lane; it connects when first used."""
        timeout = timeout or self.patience
        if isinstance(self._home, Slots):
            return ClusterLane(self._home, timeout)
        return Lane(self._home, timeout)

    def sync_lane(self, timeout: float = TIMEOUT) -> SyncLane:
        """Return a new blocking lane; it connects when first used."""
        if isinstance(self._home, Slots):
            return SyncClusterLane(self._home, timeout)
        return SyncLane(self._home, timeout)
