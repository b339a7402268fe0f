"""Asks servers one after the other, so that one that is silent holds up the others once in a beat.

Leases of its queues can't be renewed, and each would cost a timeout; leases of the others
must be renewed meanwhile. So a server that did not answer is asked last in the next beat, and
not a second time in the same one. On a single server an error ends the beat.
"""

from collections.abc import Callable, Iterable

from jobqueue.broker.lanes import SyncLane
from jobqueue.domain.errors import BrokerUnavailable


class Turns:
    """Whose turn it is in a beat.

    Args:
        lane: What is used; knows which server has a key.
        base: Returns the key that speaks for a queue.
    """

    def __init__(self, lane: SyncLane, base: Callable[[str], str]) -> None:
        self._lane = lane
        self._base = base
        self._silent: dict[str, BrokerUnavailable] = {}  # by server, in the last beat

    def of(self, queues: Iterable[str]) -> list[str]:
        """Return the queues in the order of the next beat."""
        if not self._silent:
            return list(queues)
        return sorted(queues, key=lambda queue: self._place(queue) in self._silent)

    def begin(self) -> None:
        """Begin a beat: every server is asked again."""
        self._silent = {}

    def take(self, key: str, work: Callable[[], object]) -> BrokerUnavailable | None:
        """Do something with a key; return why it could not be reached, on a cluster.

        Raises:
            BrokerUnavailable: The only server can't be reached.
            BrokerError: Redis refused it for good.
        """
        known = self._silent.get(self._lane.place(key))
        if known is not None:
            return known
        try:
            work()
        except BrokerUnavailable as error:
            if not self._lane.apart:
                raise
            if error.server:
                self._silent[error.server] = error
            return error
        return None

    def _place(self, queue: str) -> str:
        return self._lane.place(self._base(queue))
