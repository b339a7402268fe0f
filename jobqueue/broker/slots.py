"""Which master of a cluster has which slot, and what slot a command needs.

The map is shared by every lane of a program, on any loop or thread: it is replaced,
or changed at one place, and never locked. A map that is out of date costs an answer
that says where to go instead, or a connection that fails; both bring it up to date.
"""

from collections.abc import Sequence
from typing import Any

from redis.crc import key_slot
from redis.exceptions import MovedError

from jobqueue.broker.connections import Hosts
from jobqueue.broker.failures import of_several
from jobqueue.broker.lanes import Command, Lane, SyncLane
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.domain.topology import Address, Several

ASK = 1.0  # seconds for one node; there are others
SLOTS = 16384

_NOBODY = "no node knows the cluster"

_EVAL = ("EVAL", "EVALSHA")
_SUBCOMMANDS = ("XGROUP", "XINFO", "OBJECT")  # their key comes second
_KEYLESS = (
    "ACL", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DBSIZE", "DEBUG", "ECHO", "FLUSHALL",
    "INFO", "PING", "ROLE", "SCAN", "SCRIPT", "TIME", "WAIT", "WAITAOF",
)  # fmt: skip


def slot_of(key: str) -> int:
    """Return the slot of a key."""
    return key_slot(key.encode())


def key_of(command: Command) -> str | None:
    """Return the first key of a command; None where it has none."""
    name = command[0]
    if name in _EVAL:
        key = command[3] if int(command[2]) else None
    elif name in _KEYLESS:
        key = None
    elif name == "XREADGROUP":
        key = command[command.index("STREAMS") + 1]
    else:
        key = command[2 if name in _SUBCOMMANDS else 1]
    return key.decode() if isinstance(key, bytes) else key


def slots_of(commands: Sequence[Command]) -> list[int | None]:
    """Return the slot of each command; without a key, that of the next, else of the last."""
    keys = [key_of(command) for command in commands]
    slots = [None if key is None else slot_of(key) for key in keys]
    following = None
    for i in reversed(range(len(slots))):
        following = slots[i] = following if slots[i] is None else slots[i]
    last = next((slot for slot in reversed(slots) if slot is not None), None)
    return [last if slot is None else slot for slot in slots]


class Slots(Hosts):
    """The masters of a cluster."""

    def __init__(self, url: Several, name: str) -> None:
        super().__init__(url, name)
        self._owners: list[Address | None] = []
        self.stale = True
        self._failed: set[Address] = set()  # those that did not answer when last asked

    def owner(self, slot: int | None) -> Address:
        """Return the master of a slot; for None the same one each time.

        Raises:
            BrokerUnavailable: Nobody has it now.
        """
        owner = min(self.masters()) if slot is None else self._owners[slot]
        if owner is None:
            self.stale = True
            raise BrokerUnavailable(f"no node of the cluster has slot {slot}")
        return owner

    def place(self, slot: int) -> str:
        """Return the master of a slot, as far as is known; else nothing."""
        owner = self._owners[slot] if self._owners else None
        return "" if owner is None else str(owner)

    def masters(self) -> list[Address]:
        """Return every master that has slots."""
        return sorted({owner for owner in self._owners if owner is not None})

    def moved(self, error: MovedError) -> None:
        """Believe a node that says who has a slot."""
        if error.host:
            self._owners[error.slot_id] = Address(error.host, error.port)
        else:
            self.stale = True

    def failed(self, address: Address) -> None:
        """Ask anew who has what, this node last: it did not answer."""
        self._failed.add(address)
        self.stale = True

    async def refresh(self) -> None:
        """Ask the nodes, one after the other, who has what.

        Raises:
            BrokerUnavailable: None of them knows.
            BrokerError: Each of them refuses to say: they are no cluster, for one.
        """
        problems: list[tuple[Address, Exception]] = []
        for address in self._candidates():
            async with Lane(self.home(address, ASK), ASK) as lane:
                try:
                    return self._learn(address, await lane.command("CLUSTER", "SLOTS"))
                except (BrokerUnavailable, BrokerError) as error:
                    problems.append((address, error))
        raise of_several(_NOBODY, problems)

    def refresh_sync(self) -> None:
        """Do the same without an event loop."""
        problems: list[tuple[Address, Exception]] = []
        for address in self._candidates():
            lane = SyncLane(self.home(address, ASK), ASK)
            try:
                return self._learn(address, lane.command("CLUSTER", "SLOTS"))
            except (BrokerUnavailable, BrokerError) as error:
                problems.append((address, error))
            finally:
                lane.close()
        raise of_several(_NOBODY, problems)

    def _candidates(self) -> list[Address]:
        """Return the nodes to ask: those that have slots, then those of the URL."""
        known = dict.fromkeys([*self.masters(), *self._url.hosts])
        return sorted(known, key=self._failed.__contains__)

    def _learn(self, asked: Address, answer: Any) -> None:
        owners: list[Address | None] = [None] * SLOTS
        for first, last, master, *_replicas in answer:
            host = (master[0] or b"").decode() or asked.host  # a node may not know its own name
            owners[first : last + 1] = [Address(host, master[1])] * (last + 1 - first)
        if not any(owners):
            raise BrokerUnavailable("it knows of no slots")
        self._owners, self.stale = owners, False
        self._failed.discard(asked)
