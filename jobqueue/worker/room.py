"""How many jobs of a queue could start here now: slots, and the bounds of queues."""

from collections.abc import Mapping, Sequence

from jobqueue.domain.partitions import by_queue
from jobqueue.worker.held import Pool

MOST = 1000  # slots that one fetch fills


class Room:
    """Knows what a fetch may ask for.

    Args:
        pool: Slots, and what runs in them.
        names: The queues; a partition is one too.
        most_of: Jobs of a queue that run here at once, where there is a bound.
    """

    def __init__(self, pool: Pool, names: Sequence[str], most_of: Mapping[str, int]) -> None:
        self._pool = pool
        # Half of the slots in one fetch: one half runs while Redis settles and fetches the other.
        self._most = min(MOST, -(-pool.free // 2))
        self._bounds = {
            name: (most_of[queue], parts)
            for queue, parts in by_queue(names).items()
            if queue in most_of
            for name in parts
        }

    def of(self, queue: str) -> int:
        """Return how many jobs of a queue could start now; less than 1 for none."""
        free = min(self._pool.free, self._most)
        if queue not in self._bounds:
            return free
        most, names = self._bounds[queue]
        return min(free, most - sum(self._pool.busy[name] for name in names))
