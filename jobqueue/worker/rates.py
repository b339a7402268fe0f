"""How many attempts of each queue a worker ends in a second; for people and estimates."""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from time import monotonic

from jobqueue.domain.partitions import queue_of

WINDOW = 60.0  # seconds


class Rates:
    """Looks at counters that only grow, as often as it is asked.

    Args:
        ended: Attempts that have ended so far, by queue or partition; counted by another thread.
        clock: Seconds, for tests.
    """

    def __init__(self, ended: Mapping[str, int], clock: Callable[[], float] = monotonic) -> None:
        self._ended = ended
        self._clock = clock
        self._seen: deque[tuple[float, Counter[str]]] = deque([(clock(), Counter())])

    def per_second(self) -> dict[str, float]:
        """Return the rate of each queue over the last minute, or since the beginning."""
        now, ended = self._clock(), Counter[str]()
        for name, n in list(self._ended.items()):
            ended[queue_of(name)] += n
        # The last look that is a minute old stays: the window begins there.
        while len(self._seen) > 1 and self._seen[1][0] <= now - WINDOW:
            self._seen.popleft()
        began, before = self._seen[0]
        self._seen.append((now, ended))
        span = max(now - began, 1.0)
        return {queue: round((n - before[queue]) / span, 4) for queue, n in ended.items()}
