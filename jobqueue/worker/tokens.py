"""Waits for the tokens that say that jobs are there; gives back what nobody here can use.

A queue has one token at most: whoever swallowed it and took no job would keep the others waiting.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from jobqueue.broker.lanes import Command, Lane
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.domain.tasks import end
from jobqueue.worker.outages import Outages

log = logging.getLogger("jobqueue.worker")

BLOCK = 2.0  # seconds that a lost token can cost
EACH = 0.05  # and, of many queues, what each adds to that: looking costs Redis the more of it


def giving(keys: Iterable[str]) -> list[Command]:
    """Return the commands that leave one token at each of these keys."""
    # Whoever else pushes meanwhile: after the trim one token lies there at most.
    return [command for key in keys for command in (("LPUSH", key, 1), ("LTRIM", key, 0, 0))]


class Tokens:
    """Owns the lane of the blocking read, which goes on from one wait to the next.

    Args:
        lane: Used by nobody else.
        keys: Where the token of each queue lies.
        wanted: Whether a job of a queue could start here now.
        outages: Which queues can't be reached.
    """

    def __init__(
        self, lane: Lane, keys: Mapping[str, str], wanted: Callable[[str], bool], outages: Outages
    ) -> None:
        self._lane = lane
        self._keys = keys
        self._queue_of = {key.encode(): queue for queue, key in keys.items()}
        self._wanted = wanted
        self._outages = outages
        self._read: asyncio.Task[list[str]] | None = None
        self._asked = frozenset[str]()

    @property
    def reading(self) -> bool:
        """Whether a read goes on, or has ended and nobody has looked."""
        return self._read is not None

    @property
    def longest(self) -> float:
        """Seconds after which all queues are to be looked at, since a token may be lost."""
        return max(BLOCK, EACH * len(self._keys))

    async def wait(self, queues: Sequence[str], other: asyncio.Event | None) -> list[str]:
        """Sleep until a token of these queues comes, a while has passed, or ``other`` is set.

        Returns:
            The queue whose token came, and those that have one now; of a cluster that queue alone.
            All of them when none came for so long that one may be lost; none for ``other``.

        Raises:
            BrokerUnavailable: The read has failed.
            BrokerError: Redis refused it.
        """
        if heard := self.heard():
            return heard
        if not self._asked.issuperset(queues):
            await self.forgo()
        if self._read is None and queues:
            self._asked = frozenset(queues)
            self._read = asyncio.create_task(self._take([self._keys[each] for each in queues]))
        sooner = None if other is None else asyncio.create_task(other.wait())
        try:
            waits = [task for task in (self._read, sooner) if task is not None]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self.forgo()
            raise
        finally:
            if sooner is not None:
                sooner.cancel()
        return self.heard()

    def heard(self) -> list[str]:
        """Return what :meth:`wait` would, if a read has ended that it left behind for ``other``."""
        if self._read is None or not self._read.done():
            return []
        read, self._read, self._asked = self._read, None, frozenset()
        return read.result()

    async def _take(self, keys: Sequence[str]) -> list[str]:
        try:
            token, others = await self._next(keys)
        except asyncio.CancelledError:
            # The token may be ours by now, and this worker can't use it.
            await self._give_back(keys)
            raise
        if token is None:
            return [self._queue_of[key.encode()] for key in keys]
        queue = self._queue_of[token[0]]
        if not self._wanted(queue):
            await self._give_back([token[0].decode()])
        return [queue, *others]

    async def _next(self, keys: Sequence[str]) -> tuple[tuple[bytes, bytes] | None, list[str]]:
        """Take a token, and look at once who else has one."""
        if self._lane.apart:
            return await self._lane.take(keys, self.longest), []
        commands = [("BLPOP", *keys, self.longest), *(("EXISTS", key) for key in keys)]
        token, *there = await self._lane.commands(commands, self.longest)
        found = [key for key, exists in zip(keys, there, strict=True) if exists]
        return token, [self._queue_of[key.encode()] for key in found]

    async def forgo(self) -> None:
        """Wait for no token any more."""
        if self._read is not None:
            read, self._read, self._asked = self._read, None, frozenset()
            await end(read)
        if await self._lane.drop():
            await self._give_back(list(self._keys.values()))

    async def _give_back(self, keys: Sequence[str]) -> None:
        asked = [key for key in keys if self._outages.tried(self._queue_of[key.encode()])]
        try:
            await self._lane.commands(giving(asked))
        except (BrokerUnavailable, BrokerError) as error:
            # Others find the jobs with their next blocking read, at most 2 s later.
            log.debug("token not given back", extra={"error": str(error)})
            if isinstance(error, BrokerUnavailable):
                self._outages.met(error)  # no fetch has to wait for that server, too

    async def close(self) -> None:
        """Close the connection."""
        await self._lane.close()
