"""Which queues can't be reached while others can: those of a cluster's node that is away."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic

from jobqueue.domain.backoff import Pause
from jobqueue.domain.errors import BrokerUnavailable

log = logging.getLogger("jobqueue.worker")


class Outages:
    """Keeps one queue's outage from stopping the others.

    Args:
        queues: The queues of the worker.
        apart: Whether they may live on different servers; else an outage is everybody's.
        failed: Called with a queue that could not be reached.
    """

    def __init__(
        self, queues: Sequence[str], failed: Callable[[str], None], *, apart: bool
    ) -> None:
        self._queues = queues
        self._apart = apart
        self._failed = failed
        self._again: dict[str, float] = {}  # when to try a queue again
        self._pauses: defaultdict[str, Pause] = defaultdict(Pause)

    def tried(self, queue: str) -> bool:
        """Say whether a queue is to be asked now."""
        return monotonic() >= self._again.get(queue, 0.0)

    @property
    def left(self) -> float | None:
        """Seconds until a queue is to be asked again; None without an outage."""
        return max(0.0, min(self._again.values()) - monotonic()) if self._again else None

    @contextmanager
    def of(self, queue: str) -> Iterator[None]:
        """Ask a queue in the block; its outage stays with it.

        Raises:
            BrokerUnavailable: No queue can be reached.
        """
        try:
            yield
        except BrokerUnavailable as error:
            self._failed(queue)
            self._again[queue] = monotonic() + self._pauses[queue].take()
            if not self._apart or len(self._again) == len(self._queues):
                self._again.clear()
                raise
            log.warning("queue out of reach", extra={"queue": queue, "error": str(error)})
        else:
            if queue in self._again:
                del self._again[queue], self._pauses[queue]
