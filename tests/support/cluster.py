"""A cluster of six real servers: three masters, each with a replica.

The nodes read who is who from a file that is written before they start, so that nobody waits
for gossip. Every node may be killed and started again; slots may move, key by key.
"""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import closing
from itertools import count, pairwise
from pathlib import Path
from typing import Any, Self

from redis.crc import key_slot

from jobqueue.broker.servers import Server
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.embedded import ValkeyServer
from tests.support.ports import free_ports
from tests.support.waiting import wait_until_sync

MASTERS, SLOTS = 3, 16384
# When replicas take over: soon where a test waits for that; elsewhere never, since a master that is
# only slow on a busy machine would lose what its replica has not read yet.
SOON_MS, NEVER_MS = 2000, 600_000
SETTINGS = {
    "cluster-enabled": "yes",
    # The slots of the other masters go on while one is away.
    "cluster-require-full-coverage": "no",
    "cluster-replica-validity-factor": "0",
    # Unless a test names it, see ``Cluster.may_succeed``.
    "cluster-replica-no-failover": "yes",
    "repl-diskless-sync-delay": "0",
    "enable-debug-command": "local",
}


class Node:
    """One server of the cluster; ``is_replica`` is how it began."""

    def __init__(
        self,
        number: int,
        folder: Path,
        ports: tuple[int, int],
        program: Path | None,
        timeout_ms: int,
    ) -> None:
        self.id = Node.id_of(number)
        self.port, self.bus = ports
        self.number = number
        self.is_replica = number >= MASTERS
        settings = SETTINGS | {
            "port": str(self.port),
            "cluster-port": str(self.bus),
            "cluster-node-timeout": str(timeout_ms),
        }
        self.server = ValkeyServer(folder, aof=False, program=program, settings=settings)

    def line(self, *, mine: bool) -> str:
        """Return the node as its cluster's file describes it."""
        role = "slave" if self.is_replica else "master"
        leader = Node.id_of(self.number - MASTERS) if self.is_replica else "-"
        flags = f"myself,{role}" if mine else role
        epoch = self.number % MASTERS + 1
        line = f"{self.id} 127.0.0.1:{self.port}@{self.bus} {flags} {leader} 0 0 {epoch} connected"
        if not self.is_replica:
            first, end = list(pairwise([0, 5461, 10923, SLOTS]))[self.number]
            line += f" {first}-{end - 1}"
        return line

    @staticmethod
    def id_of(number: int) -> str:
        """Return the id that a node has."""
        return hashlib.sha1(f"node {number}".encode(), usedforsecurity=False).hexdigest()

    def run(self, *command: Any) -> Any:
        """Run a command on this very node."""
        with closing(Server(self.server.url).sync_lane()) as lane:
            return lane.command(*command)

    def leads(self) -> bool:
        """Say whether it is a master now."""
        return self.server.running and self.run("ROLE")[0] == b"master"

    def info(self) -> dict[str, str]:
        """Return what it knows of the cluster."""
        lines = self.run("CLUSTER", "INFO").decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)


class Cluster:
    """Six nodes; a context manager.

    Args:
        folder: Where to keep them.
        program: Another server of the family than the wheel's.
        timeout_ms: How long a master may be silent before its replica takes over, if it may.
    """

    def __init__(
        self, folder: Path, program: Path | None = None, *, timeout_ms: int = NEVER_MS
    ) -> None:
        ports = free_ports(MASTERS * 4)
        self.nodes = [
            Node(
                number,
                folder / f"node{number}",
                (ports[2 * number], ports[2 * number + 1]),
                program,
                timeout_ms,
            )
            for number in range(MASTERS * 2)
        ]
        for node in self.nodes:
            lines = [other.line(mine=other is node) for other in self.nodes]
            node.server.data.mkdir(parents=True, exist_ok=True)
            text = "\n".join([*lines, f"vars currentEpoch {MASTERS} lastVoteEpoch 0", ""])
            (node.server.data / "nodes.conf").write_text(text)
        self._folder = folder

    @property
    def url(self) -> str:
        """The URL for clients; it names two of the nodes."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[1:3])
        return f"redis+cluster://{hosts}"

    def __enter__(self) -> Self:
        for node in self.nodes:
            node.server.start()
        self.settle()
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            node.server.kill()
        for node in self.nodes:
            node.server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def settle(self) -> None:
        """Wait until every node is content and every replica follows a master."""
        wait_until_sync(self._settled, description="the cluster is up", deadline=60)

    def _settled(self) -> bool:
        return all(
            node.info()["cluster_state"] == "ok"
            and (role := node.run("ROLE"))
            and (role[0] == b"master" or role[3] == b"connected")
            for node in self.nodes
            if node.server.running
        )

    def masters(self) -> list[Node]:
        """Return the nodes that are masters now."""
        return [node for node in self.nodes if node.leads()]

    def owner(self, key: str) -> Node:
        """Return the master that has a key's slot now."""
        slot = key_slot(key.encode())
        for first, last, master, *_ in self.masters()[0].run("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(node for node in self.nodes if node.port == master[1])
        raise AssertionError(f"nobody has slot {slot}")

    def flush(self) -> None:
        """Make it as good as new: no keys, no scripts, no memory limit."""
        for node in self.masters():
            node.run("FLUSHALL")
            node.run("SCRIPT", "FLUSH")
            node.run("CONFIG", "SET", "maxmemory", 0)
            node.run("CLIENT", "UNPAUSE")

    def moving(self, key: str, at_once: int = 1) -> Iterator[str]:
        """Move the slot of a key to another master; yields after each step, with its name.

        The steps: the slot is open, some keys have gone, the slot belongs to the other.
        """
        slot, source = key_slot(key.encode()), self.owner(key)
        target = next(node for node in self.masters() if node is not source)
        target.run("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.run("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        yield "open"
        while names := source.run("CLUSTER", "GETKEYSINSLOT", slot, at_once):
            source.run("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *names)
            yield names[0].decode()
        for node in (target, source, *self.masters()):
            node.run("CLUSTER", "SETSLOT", slot, "NODE", target.id)
        yield "done"

    def move(self, key: str) -> None:
        """Move the slot of a key to another master."""
        for _step in self.moving(key, at_once=100):
            pass

    def may_succeed(self, node: Node) -> None:
        """Let the replica of a node take over when the node is silent; no other one may."""
        replica = self.nodes[node.number + MASTERS]
        replica.run("CONFIG", "SET", "cluster-replica-no-failover", "no")

    def is_served(self, key: str) -> bool:
        """Say whether somebody takes writes for a key's slot."""
        with closing(Server(self.url).sync_lane(timeout=1)) as lane:
            try:
                lane.command("PERSIST", key)
            except (BrokerError, BrokerUnavailable):
                return False
        return True


def queues_of(cluster: Cluster) -> dict[int, str]:
    """Return the name of a queue on each master, by the number of its node."""
    found: dict[int, str] = {}
    masters = len(cluster.masters())
    for number in count():
        found.setdefault(cluster.owner(f"{{q{number}}}").number, f"q{number}")
        if len(found) == masters:
            return found
    raise AssertionError
