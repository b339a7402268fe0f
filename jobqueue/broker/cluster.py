"""Lanes to a cluster: a connection to each master, and to each by the slots of the keys.

**Moved.** A node that does not have a slot says who has, and has carried nothing out; the
request goes there, a few times at most. **Moving.** While the keys of a slot go from one
node to another, ASK and TRYAGAIN are never followed: a script that runs where only some
keys of its queue are would take the others for absent. Each script names a key that never
exists (`KEYS[1]`, what the keys of the queue begin with), so the node that the slot is
leaving refuses it before its first line. Whoever sent it repeats it until the slot has
arrived.

**Blocking reads** of keys in several slots are one for each slot, each on a connection of
its own. They go on between calls: to cut one short means a new connection, and may lose what
it has just taken.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from redis.exceptions import MovedError

from jobqueue.broker.connections import CONNECT
from jobqueue.broker.failures import AnswerLost
from jobqueue.broker.lanes import Command, Lane, SyncLane
from jobqueue.broker.slots import Slots, slot_of, slots_of
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.domain.topology import Address

REDIRECTS = 5


class _OfCluster:
    """What both forms of a lane have.

    Args:
        slots: Knows who has what.
        timeout: Seconds that an answer may take.
    """

    apart = True

    def __init__(self, slots: Slots, timeout: float) -> None:
        self._slots = slots
        self._timeout = timeout

    def place(self, key: str) -> str:
        """Return the master that has a key, as far as is known; else nothing."""
        return self._slots.place(slot_of(key))

    def _failed(self, address: Address, error: BrokerUnavailable) -> None:
        """Note that a node can't be reached. What it refuses is an answer, and no error yet."""
        self._slots.failed(address)
        error.server = str(address)

    def _moved(self, answer: Any) -> bool:
        """Say whether a node has answered that another has the slot, and remember that."""
        if isinstance(answer, MovedError):
            self._slots.moved(answer)
            return True
        return False


class ClusterLane(_OfCluster, Lane):
    """A lane to every master; requests to several go out at once."""

    def __init__(self, slots: Slots, timeout: float) -> None:
        super().__init__(slots, timeout)
        self._lanes: dict[Address, Lane] = {}
        self._readers: dict[int, ClusterLane] = {}
        self._reads: dict[int, asyncio.Task[Any]] = {}
        self._taken: list[Any] = []  # keys and elements

    async def close(self) -> None:
        """Close the connections, and end reads that go on."""
        try:
            await self.drop()
        finally:
            for lane in (*self._lanes.values(), *self._readers.values()):
                await lane.close()

    def together(self, keys: Sequence[str]) -> list[list[str]]:
        """Return ``keys`` in groups of one slot."""
        return list(_by_slot(keys).values())

    async def masters(self) -> Sequence[Lane]:
        """Return a lane to each master."""
        await self._slots.refresh()
        return [self._lane(address) for address in self._slots.masters()]

    async def _exchange(self, commands: Sequence[Command], wait: float = 0) -> list[Any]:
        slots = slots_of(commands)
        answers: list[Any] = [None] * len(commands)
        left: Iterable[int] = range(len(commands))
        for _ in range(REDIRECTS):
            if self._slots.stale:
                await self._slots.refresh()
            there: defaultdict[Address, list[int]] = defaultdict(list)
            for i in left:
                there[self._slots.owner(slots[i])].append(i)
            asked = [[commands[i] for i in places] for places in there.values()]
            found = await self._at_once(list(zip(there, asked, strict=True)), wait)
            for places, each in zip(there.values(), found, strict=True):
                for i, answer in zip(places, each, strict=True):
                    answers[i] = answer
            gone = {s for s, answer in zip(slots, answers, strict=True) if self._moved(answer)}
            # With what had no key of its own: it belongs to that master as well.
            left = [i for i, slot in enumerate(slots) if slot in gone]
            if not left:
                break
        return answers

    async def _at_once(
        self, parts: Sequence[tuple[Address, Sequence[Command]]], wait: float
    ) -> list[list[Any]]:
        if len(parts) == 1:
            return [await self._at(*parts[0], wait)]
        tasks = (self._at(address, commands, wait) for address, commands in parts)
        found = await asyncio.gather(*tasks, return_exceptions=True)
        problems = [each for each in found if isinstance(each, BaseException)]
        if problems:
            # Where one was perhaps carried out, it can't be said that none was.
            raise next((each for each in problems if isinstance(each, AnswerLost)), problems[0])
        return [each for each in found if not isinstance(each, BaseException)]

    async def _at(self, address: Address, commands: Sequence[Command], wait: float) -> list[Any]:
        try:
            return await self._lane(address)._exchange(commands, wait)  # noqa: SLF001 - one of us
        except BrokerUnavailable as error:
            self._failed(address, error)
            raise

    def _lane(self, address: Address) -> Lane:
        if address not in self._lanes:
            self._lanes[address] = Lane(self._slots.home(address), self._timeout)
        return self._lanes[address]

    async def read(
        self, keys: Sequence[str], command: Callable[[Sequence[str]], Command], seconds: float
    ) -> list[Any]:
        """Run a blocking read of several keys, one for each slot; they go on between calls.

        A node that is away is the problem of its own slots, as long as others can be read.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        away: dict[int, BrokerUnavailable] = {}
        begun: set[int] = set()
        groups = _by_slot(keys)
        try:
            while True:
                for slot, group in groups.items():
                    if slot not in self._reads and slot not in away:
                        self._begin(slot, command(group), seconds)
                        begun.add(slot)
                if groups.keys() <= away.keys():
                    raise next(iter(away.values()))
                left = max(0.0, end - loop.time())
                await asyncio.wait(
                    self._reads.values(), timeout=left, return_when=asyncio.FIRST_COMPLETED
                )
                found = self._ended(away)
                # What failed of an earlier call says nothing of now, and begins again.
                away = {slot: error for slot, error in away.items() if slot in begun}
                if found or loop.time() >= end:
                    return found
        except asyncio.CancelledError:
            await self.drop()
            raise

    def _begin(self, slot: int, command: Command, seconds: float) -> None:
        if slot not in self._readers:
            self._readers[slot] = ClusterLane(self._slots, self._timeout)
        read = self._readers[slot].command(*command, wait=seconds)
        self._reads[slot] = asyncio.create_task(read)

    def _ended(self, away: dict[int, BrokerUnavailable]) -> list[Any]:
        found, refusal = [], None
        for slot, read in list(self._reads.items()):
            if read.done():
                del self._reads[slot]
                try:
                    found.append(read.result())
                except BrokerUnavailable as error:
                    away[slot] = error
                except BrokerError as error:
                    refusal = error
        found = [answer for answer in found if answer]
        if refusal and not found:
            raise refusal  # it will come again; what others have read would not
        return found

    async def take(self, keys: Sequence[str], seconds: float) -> tuple[bytes, bytes] | None:
        """Take the first element of the first list that has one; wait for that."""
        if not self._taken:
            self._taken = await self.read(keys, lambda some: ("BLPOP", *some, seconds), seconds)
        if not self._taken:
            return None
        key, element = self._taken.pop(0)
        return key, element

    async def drop(self) -> bool:
        """End reads that go on between calls; say whether there were any, and maybe a loss."""
        reads, taken = [*self._reads.values()], self._taken
        self._reads, self._taken = {}, []
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)
        return bool(reads or taken)


def _by_slot(keys: Sequence[str]) -> dict[int, list[str]]:
    groups: defaultdict[int, list[str]] = defaultdict(list)
    for key in keys:
        groups[slot_of(key)].append(key)
    return groups


class SyncClusterLane(_OfCluster, SyncLane):
    """The blocking form of :class:`ClusterLane`."""

    def __init__(self, slots: Slots, timeout: float) -> None:
        super().__init__(slots, timeout)
        self._lanes: dict[Address, SyncLane] = {}

    def close(self) -> None:
        """Close the connections."""
        for lane in self._lanes.values():
            lane.close()

    def masters(self) -> Sequence[SyncLane]:
        """Return a lane to each master."""
        self._slots.refresh_sync()
        return [self._lane(address) for address in self._slots.masters()]

    def _each(self, commands: Sequence[Command], wait: float = 0) -> list[Any]:
        slots = slots_of(commands)
        return [self._at(slot, each, wait) for slot, each in zip(slots, commands, strict=True)]

    def _exchange(self, command: Command, wait: float = 0) -> Any:
        return self._each([command], wait)[0]

    def _at(self, slot: int | None, command: Command, wait: float) -> Any:
        answer = None
        for _ in range(REDIRECTS):
            if self._slots.stale:
                self._slots.refresh_sync()
            address = self._slots.owner(slot)
            try:
                answer = self._lane(address)._exchange(command, wait)  # noqa: SLF001 - one of us
            except BrokerUnavailable as error:
                self._failed(address, error)
                raise
            if not self._moved(answer):
                break
        return answer

    def _lane(self, address: Address) -> SyncLane:
        if address not in self._lanes:
            # A host that vanished does not even refuse: it may cost no more than a silent one.
            home = self._slots.home(address, min(CONNECT, self._timeout))
            self._lanes[address] = SyncLane(home, self._timeout)
        return self._lanes[address]
