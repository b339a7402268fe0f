"""Into how many partitions queues are split: what code declares, and what Redis has answered.

Who registers a queue first decides, for ever: the number is that of the names in the set of
queues. So producers without the code, or with an older one, send jobs to the right places as
soon as they ask; and they ask whenever they have been idle or cut off.
"""

from collections.abc import Mapping, Sequence

from jobqueue.broker import lookup
from jobqueue.broker.calls import Call, Calls
from jobqueue.broker.lanes import Lane
from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.partitions import by_queue, names_of


class Splits:
    """The partitions of queues, as one program knows them; any thread may use it.

    Args:
        calls: Makes the calls.
        declared: How many code declares, by queue.
    """

    def __init__(self, calls: Calls, declared: Mapping[str, int]) -> None:
        self._calls = calls
        self._declared = declared
        self._found: dict[str, int] = {}

    def ask(self, queue: str) -> Call[int]:
        """Return the call that makes a queue known and asks for its partitions."""
        # What was found before counts too: a server that lost everything has to learn it again.
        return self._calls.register(queue, self._declared.get(queue) or self._found.get(queue, 0))

    def note(self, queue: str, n: int) -> int:
        """Remember what was answered, and return it.

        Raises:
            ConfigurationError: Code says something else.
        """
        declared = self._declared.get(queue, n)
        if declared != n:
            raise ConfigurationError(
                f"queue {queue!r} has {n} partitions, and this app declares {declared}; a queue "
                "keeps its number: declare the same, or name another queue"
            )
        self._found[queue] = n
        return n

    def declared(self, queue: str) -> int:
        """Return the number that code declares; 0 where it declares none."""
        return self._declared.get(queue, 0)

    def knows(self, queue: str) -> bool:
        """Whether the number of a queue was answered."""
        return queue in self._found

    def of(self, queue: str) -> int:
        """Return the number that was answered last; 0 for a queue that is whole or unknown."""
        return self._found.get(queue, 0)

    async def places(self, lane: Lane, queues: Sequence[str]) -> dict[str, list[str]]:
        """Return where a worker finds the jobs of each queue; queues that are declared are made.

        Where a queue is split these are its partitions, and itself: it may have been used
        before, or by those who have not asked.

        Raises:
            ConfigurationError: Code and Redis do not agree.
        """
        for queue in queues:
            if queue in self._declared:
                self.note(queue, await lane.call(self.ask(queue)))
        found = by_queue(await lookup.queues(lane, self._calls.keys))
        return {queue: list(dict.fromkeys([*found.get(queue, ()), queue])) for queue in queues}

    def assumed(self, queues: Sequence[str]) -> dict[str, list[str]]:
        """Return the same where Redis can't be asked: as code declares it, or as it was."""
        numbers = {queue: self._declared.get(queue) or self.of(queue) for queue in queues}
        return {q: list(dict.fromkeys([*names_of(q, n), q])) for q, n in numbers.items()}
