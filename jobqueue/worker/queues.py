"""In which order a round of fetching asks the queues."""

from collections.abc import Sequence


class QueueOrder:
    """The queues of one worker.

    Args:
        names: The queues.
        strict: Whether each comes before the next, as somebody wrote them. Queues that
            nobody put in order take turns at being first, so that none starves.
    """

    def __init__(self, names: Sequence[str], *, strict: bool) -> None:
        self.names = tuple(names)
        self._strict = strict
        self._first = 0

    def round(self) -> Sequence[str]:
        """Return the queues in the order of the next round."""
        if self._strict:
            return self.names
        self._first = (self._first + 1) % len(self.names)
        return self.names[self._first :] + self.names[: self._first]
