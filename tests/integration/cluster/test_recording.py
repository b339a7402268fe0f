"""A node is away: jobs of queues that live elsewhere are promoted and recorded all the same."""

import asyncio
import os
import signal
from functools import partial

import pytest

from jobqueue.domain.errors import BrokerUnavailable
from jobqueue.services.running import running
from tests.integration.recorder.conftest import arrived, asking
from tests.support.cluster import Cluster, Node, queues_of
from tests.support.stage import Stage, stage_on
from tests.support.waiting import wait_until


async def run_job(stage: Stage, queue: str, name: str) -> None:
    """Run a job by hand; its record is in the journal of its queue."""
    stage.broker.queue = queue
    await stage.broker.enqueue(name)
    await stage.broker.finish(await stage.broker.take())


async def recorded(stage: Stage, queue: str) -> bool:
    """Say whether the journal of a queue is empty."""
    return not await stage.broker.redis("XLEN", stage.broker.keys.journal(queue))


async def served(stage: Stage, queue: str) -> bool:
    """Say whether a queue can be asked."""
    try:
        await stage.broker.redis("EXISTS", stage.broker.keys.journal(queue))
    except BrokerUnavailable:
        return False
    return True


def leave(node: Node, how: str) -> None:
    """Let a node be away: its host refuses connections, or is silent."""
    if how == "killed":
        node.server.kill()
    else:
        os.kill(node.server.pid, signal.SIGSTOP)


def come_back(node: Node, how: str) -> None:
    """Let it be there again; a killed one has lost everything."""
    if how == "killed":
        node.server.start()
    else:
        os.kill(node.server.pid, signal.SIGCONT)


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_a_node_is_away(own_cluster: Cluster, history_url: str, how: str) -> None:
    """The others' journals are read, recorded and emptied, also without the set of queues."""
    cluster, ask = own_cluster, asking(history_url)
    owner, queues = cluster.owner("jobqueue:queues"), queues_of(cluster)
    away = queues.pop(owner.number)
    here, there = queues.values()
    nodes = [owner, cluster.nodes[owner.number + 3]]
    async with stage_on(cluster.url, database_url=history_url) as stage:
        for queue in (away, here, there):
            await stage.broker.redis("SADD", stage.broker.keys.queues, queue)
            await run_job(stage, queue, "first")
        async with running(await stage.app.services.recorder()) as service:
            await arrived(ask, 3)
            for node in nodes:
                await asyncio.to_thread(leave, node, how)
            await wait_until(lambda: service.problems, description="it says what is wrong")
            for number in range(20):
                await run_job(stage, here, f"job {number}")
                await run_job(stage, there, f"job {number}")
            await arrived(ask, 43)
            for queue in (here, there):
                await wait_until(partial(recorded, stage, queue), description=f"all of {queue}")
            for node in nodes:
                await asyncio.to_thread(come_back, node, how)
            await wait_until(partial(served, stage, away), description="it is back", deadline=30)
            await run_job(stage, away, "last")
            await arrived(ask, 44)
            await wait_until(lambda: not service.problems, description="all is well")


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_promotion(own_cluster: Cluster, how: str) -> None:
    """Delayed jobs of the others become ready without waiting for what does not answer."""
    cluster, ready = own_cluster, 1
    owner, queues = cluster.owner("jobqueue:queues"), queues_of(cluster)
    away = queues.pop(owner.number)
    here = next(iter(queues.values()))
    nodes = [owner, cluster.nodes[owner.number + 3]]
    async with stage_on(cluster.url) as stage, stage.app.scheduler() as service:

        async def promoted() -> bool:
            return await stage.broker.length("ready:2") == ready

        for queue in (away, here):
            await stage.broker.redis("SADD", stage.broker.keys.queues, queue)
            stage.broker.queue = queue
            await stage.broker.enqueue("first", delay_ms=1)
            await wait_until(promoted, description="the first is ready")
        for node in nodes:
            await asyncio.to_thread(leave, node, how)
        await wait_until(lambda: service.problems, description="it says what is wrong", deadline=30)
        # One by one: who waits ten seconds for the other node each time is late.
        async with asyncio.timeout(60):
            for ready in range(2, 22):
                await stage.broker.enqueue(f"job {ready}", delay_ms=1)
                await wait_until(promoted, description="another one is ready")
        for node in nodes:
            await asyncio.to_thread(come_back, node, how)
        stage.broker.queue = away
        await wait_until(partial(served, stage, away), description="it is back", deadline=30)
