"""A Redis cluster of masters on this machine, for one measurement.

The slots are cut so that every node has as many of the given queues as any other, give or take
one: that is how an operator would place them.
"""

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.crc import key_slot

from jobqueue.embedded import ValkeyServer
from scripts.benchmarks.stage import KEYS, Stage
from scripts.benchmarks.waiting import until
from scripts.common import ports

SLOTS = 16384
PATIENCE = 30.0  # seconds until all nodes know each other
SETTINGS = {"cluster-enabled": "yes", "cluster-announce-ip": "127.0.0.1"}


@dataclass(frozen=True)
class Cluster(Stage):
    """A stage of several nodes.

    Attributes:
        cuts: The slots at which a node's range begins, and the end of all.
    """

    masters: Sequence[Redis] = ()
    cuts: Sequence[int] = field(default=())

    @property
    def nodes(self) -> Sequence[Redis]:
        """Every Redis server."""
        return self.masters

    def home(self, key: str) -> Redis:
        """Return the node that has a key."""
        return self.masters[sum(cut <= slot_of(key) for cut in self.cuts[1:])]


def slot_of(key: str) -> int:
    """Return the slot of a key."""
    return int(key_slot(key.encode()))


def cuts(queues: Sequence[str], nodes: int) -> list[int]:
    """Return where the nodes' ranges of slots begin, and the end of the last.

    Args:
        queues: At least as many as there are nodes; they are shared out evenly.
        nodes: How many.
    """
    slots = sorted(slot_of(KEYS.base(queue)) for queue in queues)
    return [0, *(slots[len(slots) * n // nodes] for n in range(1, nodes)), SLOTS]


@asynccontextmanager
async def opened(program: Path | None, nodes: int, queues: Sequence[str]) -> AsyncIterator[Cluster]:
    """Start a cluster; at the end stop it and remove its data.

    Raises:
        JobQueueError: A server can't be started; the message says why.
        Broken: They do not find each other.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="jobqueue-nodes-")))
        found = ports.free(2 * nodes)
        masters: list[Any] = []
        for number in range(nodes):
            own = {"port": str(found[number]), "cluster-port": str(found[nodes + number])}
            home = folder / str(number)
            server = ValkeyServer(home, program=program, settings=SETTINGS | own)
            stack.enter_context(server)
            redis = Redis.from_url(server.url, protocol=3, socket_timeout=None)
            masters.append(await stack.enter_async_context(redis))
        limits = cuts(queues, nodes)
        for number, node in enumerate(masters):
            first, last = limits[number], limits[number + 1] - 1
            await node.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            meet = (found[number], found[nodes + number])
            await masters[0].execute_command("CLUSTER", "MEET", "127.0.0.1", *meet)
        await until(lambda: _whole(masters), PATIENCE, lambda: "the nodes did not join")
        hosts = ",".join(f"127.0.0.1:{port}" for port in found[:nodes])
        yield Cluster(
            f"redis+cluster://{hosts}", masters[0], program=program, masters=masters, cuts=limits
        )


async def _whole(masters: Sequence[Any]) -> bool:
    """Say whether every node serves, and knows all others."""
    for node in masters:
        info = await node.execute_command("CLUSTER", "INFO")
        lines = info.decode() if isinstance(info, bytes) else str(info)
        if "cluster_state:ok" not in lines or f"cluster_size:{len(masters)}" not in lines:
            return False
    return True
