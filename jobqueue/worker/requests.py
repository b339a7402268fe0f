"""The calls by which a worker takes jobs and asks what it owns: numbered, one in flight."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import compress

from jobqueue.broker.calls import Call, Calls, FetchLimits
from jobqueue.broker.lanes import Lane
from jobqueue.broker.messages import Fetched
from jobqueue.worker.tokens import giving

OWNED_MOST = 10_000  # deliveries in the answer of one recover
# Of a lease: how long a fetch may wait for its token. With two fifths for the answer, and a third
# between two heartbeats, the lease of what a lost answer brought is renewed before it ends.
PART = 1 / 8


class Requests:
    """Sends the calls of one worker, each with the next number of its queue.

    Errors are those of :meth:`Lane.call`; after one, and after a cancellation, nobody knows
    whether Redis has carried the call out or will.

    Args:
        lane: Where they go.
        calls: Makes them.
        worker: Id of the worker.
        limits: What every fetch carries.
        asked: Gets the queue while a fetch is under way: should a handler block the event loop
            meanwhile, what Redis hands out lies unread, and its lease is to be renewed.
    """

    def __init__(
        self, lane: Lane, calls: Calls, worker: str, limits: FetchLimits, asked: set[str]
    ) -> None:
        self._lane = lane
        self._calls = calls
        self._worker = worker
        self._limits = limits
        self._asked = asked
        self._numbers: defaultdict[str, int] = defaultdict(int)

    async def fetch(self, queue: str, slots: int, before: Sequence[str], *, alone: bool) -> Fetched:
        """Take up to ``slots`` jobs, unless a queue ``before`` has a token."""
        self._asked.add(queue)
        try:
            return await self._lane.call(self._fetch(queue, slots, before, alone=alone))
        finally:
            self._asked.discard(queue)

    async def fetch_at_token(
        self, queue: str, slots: int, seconds: float, *, alone: bool
    ) -> Fetched:
        """Take jobs as soon as a token comes, or when a while has passed, ``seconds`` at most.

        The slots must stay free meanwhile.
        """
        seconds = min(seconds, self._limits.lease_ms / 1000 * PART)
        call = self._fetch(queue, slots, (), alone=alone)
        return await self._lane.take_and_call(self._calls.keys.wake(queue), seconds, call)

    def _fetch(
        self, queue: str, slots: int, before: Sequence[str], *, alone: bool
    ) -> Call[Fetched]:
        number, tokens = self._number(queue), map(self._calls.keys.wake, before)
        return self._calls.fetch(
            queue, self._worker, number, slots, self._limits, alone=alone, before=tokens
        )

    async def called(self, queues: Sequence[str]) -> list[str]:
        """Return those of the queues that have a token."""
        keys = map(self._calls.keys.wake, queues)
        there = await self._lane.commands([("EXISTS", key) for key in keys])
        return [*compress(queues, there)]

    async def recover(self, queue: str) -> Fetched:
        """Ask for everything that the worker owns."""
        number, lease = self._number(queue), self._limits.lease_ms
        return await self._lane.call(
            self._calls.recover(queue, self._worker, number, lease, OWNED_MOST)
        )

    async def give_token(self, queue: str) -> None:
        """Wake another worker."""
        await self._lane.commands(giving([self._calls.keys.wake(queue)]))

    def _number(self, queue: str) -> int:
        self._numbers[queue] += 1
        return self._numbers[queue]
