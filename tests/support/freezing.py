"""A node of a cluster that is silent: connections to it are open, and bring no answers."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.cluster import MASTERS, Cluster, Node


@asynccontextmanager
async def frozen(cluster: Cluster, *nodes: Node) -> AsyncIterator[None]:
    """Let nodes be silent in the block, their replicas too, and be back behind it."""
    await asyncio.to_thread(_signal, cluster, nodes, signal.SIGSTOP)
    try:
        yield
    finally:
        await asyncio.to_thread(_signal, cluster, nodes, signal.SIGCONT)
        await asyncio.to_thread(cluster.settle)


def _signal(cluster: Cluster, nodes: tuple[Node, ...], number: int) -> None:
    for node in nodes:
        for each in (node, cluster.nodes[node.number + MASTERS]):
            os.kill(each.server.pid, number)
