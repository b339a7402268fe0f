"""A node is silent: connections to it are open, and bring no answers. The others go on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count, islice
from time import monotonic
from typing import Any

import pytest

from jobqueue import current_job
from jobqueue.broker.lanes import Lane
from jobqueue.domain.partitions import names_of
from jobqueue.worker import drain
from tests.support.cluster import Cluster, Node, queues_of
from tests.support.freezing import frozen
from tests.support.stage import Stage, each_once, stage_on
from tests.support.waiting import wait_until

LEASE = 6.0  # seconds; the fetcher waits half of it for an answer
JOBS = 20
PARTITIONS = 16


@dataclass
class Scene:
    """A queue whose partitions are on every node, and one that is elsewhere than a node."""

    cluster: Cluster
    stage: Stage
    node: Node
    there: list[str]  # partitions on the node
    elsewhere: list[str]
    here: str


@pytest.fixture
async def scene(own_cluster: Cluster) -> AsyncIterator[Scene]:
    """The queues ``events`` and another; nobody serves them yet."""
    node = own_cluster.nodes[0]
    here = queues_of(own_cluster)[1]
    async with stage_on(own_cluster.url, lease=LEASE) as stage:
        stage.app.queue("events", partitions=PARTITIONS)
        yield Scene(own_cluster, stage, node, *split(own_cluster, node), here)


def split(cluster: Cluster, node: Node) -> tuple[list[str], list[str]]:
    """Return the partitions of a queue that are on a node, and those that are not."""
    names = names_of("events", PARTITIONS)
    there = [name for name in names if cluster.owner(f"{{{name}}}") is node]
    assert len(there) >= 4
    return there, [name for name in names if name not in there]


def two(cluster: Cluster, node: Node) -> list[str]:
    """Return two queues that are on a node."""
    names = (f"w{number}" for number in count())
    return list(islice((name for name in names if cluster.owner(f"{{{name}}}") is node), 2))


async def run_one(stage: Stage, queue: str, done: int) -> None:
    """Store a job, and wait until it is the next that has run."""
    stage.broker.queue = queue
    await stage.broker.enqueue(f"job {done}")
    await stage.logged(done + 1, deadline=60)


async def run_each(stage: Stage, queues: Sequence[str]) -> float:
    """Run jobs of several queues one after the other; return the seconds that all took."""
    began, done = monotonic(), len(stage.log)
    for number in range(JOBS):
        await run_one(stage, queues[number % len(queues)], done + number)
    return monotonic() - began


@pytest.mark.parametrize("concurrency", [1, 100])
async def test_one_timeout_for_all(scene: Scene, concurrency: int) -> None:
    """However many queues of a worker are on a silent node, the others wait for it once."""
    stage, here, there, elsewhere = scene.stage, scene.here, scene.there, scene.elsewhere

    @stage.app.job(name="job", retry=0)
    async def work() -> None:
        stage.log.append("ran")

    async with stage.app.worker(queues=["events", here], concurrency=concurrency):
        for queue in (*there, *elsewhere, here):
            await run_one(stage, queue, len(stage.log))
        async with frozen(scene.cluster, scene.node):
            took = await run_each(stage, [here, *elsewhere[:4]])
            # One timeout, of a fetch or of a token that is given back.
            assert took < 10, f"{JOBS} jobs took {took:.0f} s"
            assert await run_each(stage, [here, *elsewhere[:4]]) < 6
        await run_one(stage, there[0], len(stage.log))
        await run_one(stage, there[-1], len(stage.log))


async def test_leases_elsewhere_last(scene: Scene) -> None:
    """Jobs that run for long keep their leases on the other nodes, with time to spare."""
    stage, here, hold = scene.stage, scene.here, asyncio.Event()

    @stage.app.job(name="job", retry=0)
    async def work() -> None:
        stage.log.append(current_job().id)
        await hold.wait()

    queues = ["events", here]
    async with stage.app.worker(queues=queues) as worker, AsyncExitStack() as more:
        for queue in (*scene.there, here):  # what came last was renewed last
            await run_one(stage, queue, len(stage.log))
        await more.enter_async_context(stage.app.worker(queues=[here]))  # would take it over
        key, until = stage.broker.keys.leases(here), monotonic() + 3 * LEASE

        async def spared() -> bool:
            time, expiry = await stage.broker.lane.commands([("TIME",), ("ZSCORE", key, worker.id)])
            left = expiry / 1000 - int(time[0]) - int(time[1]) / 1e6
            assert left > LEASE / 4, "the lease was nearly over"
            return monotonic() > until

        async with frozen(scene.cluster, scene.node):
            await wait_until(spared, description="three lives", deadline=4 * LEASE)
        hold.set()
        stage.broker.queue = here
        await wait_until(stage.rows, description="it has ended")
        each_once(await stage.rows())
        assert len(stage.log) == len(scene.there) + 1


async def test_everything_is_away(own_cluster: Cluster) -> None:
    """Where no queue can be reached the worker says so, and goes on when one can be."""
    cluster = own_cluster
    node = cluster.nodes[0]
    one, other = two(cluster, node)
    async with stage_on(cluster.url, lease=2.0) as stage:

        @stage.app.job(name="job", retry=0)
        async def work() -> None:
            stage.log.append("ran")

        async with stage.app.worker(queues=[one, other]) as worker:
            await run_one(stage, one, 0)
            async with frozen(cluster, node):
                await wait_until(
                    lambda: any("can't be reached" in text for text in worker.health().unready),
                    description="it says what is wrong",
                )
            await run_one(stage, other, 1)
            await wait_until(lambda: not worker.health().unready, description="all is well")


def connections(node: Node) -> int:
    """Return how many of our connections a node has."""
    listed: bytes = node.run("CLIENT", "LIST")
    return listed.count(b"name=jobqueue")


async def test_a_worker_ends_during_an_outage(
    own_cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """What asks a silent node ends with the worker: no task is left, and no connection."""
    cluster = own_cluster
    node = cluster.nodes[0]
    here = queues_of(cluster)[1]
    async with stage_on(cluster.url, lease=2.0) as stage, AsyncExitStack() as later:

        @stage.app.job(name="job", retry=0)
        async def work() -> None:
            stage.log.append("ran")

        clients, tasks = connections(node), asyncio.all_tasks()
        async with stage.app.worker(queues=[*two(cluster, node), here]):
            await run_one(stage, here, 0)
            await later.enter_async_context(frozen(cluster, node))
            await wait_until(
                lambda: "queues out of reach" in caplog.messages, description="an outage"
            )
            await run_each(stage, [here])
        assert asyncio.all_tasks() <= tasks
        await later.aclose()
        await wait_until(lambda: connections(node) <= clients + 1, description="none is left")


def opened(lane: Any) -> list[Lane]:
    """Return the connections of a lane to a cluster that are open."""
    inner = [each for reader in lane._readers.values() for each in reader._lanes.values()]
    return [each for each in (*lane._lanes.values(), *inner) if each._link and each._link.open]


async def test_a_stop_closes_everything(
    own_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that gives back tokens in vain, and is waited for no longer, leaves nothing."""
    monkeypatch.setattr(drain, "FLUSH", 0.1)
    async with stage_on(own_cluster.url) as stage, AsyncExitStack() as stack:
        before = asyncio.all_tasks()
        async with stage.app.worker(queues=[*queues_of(own_cluster).values()]) as worker:
            await wait_until(lambda: worker._fetcher._sleep is not None, description="it waits")
            lanes = worker._fetcher._tokens._lane, worker._fetcher._lane
            await wait_until(lambda: all(map(opened, lanes)), description="it is connected")
            await stack.enter_async_context(frozen(own_cluster, own_cluster.nodes[0]))
        assert asyncio.all_tasks() == before
        assert [each for lane in lanes for each in opened(lane)] == []
