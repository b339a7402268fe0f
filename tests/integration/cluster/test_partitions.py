"""A node is away that has some partitions of a queue: each producer hears of his own jobs."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jobqueue import BrokerUnavailable, EnqueueUncertain, JobHandle, Prepared
from jobqueue.client.parts import place_of
from tests.support.cluster import Cluster
from tests.support.stage import Stage, stage_on

PARTITIONS, JOBS = 8, 60
LOST = (BrokerUnavailable, EnqueueUncertain)  # the second where it went out on a line that broke


@contextmanager
def half_away(cluster: Cluster, key: str) -> Iterator[int]:
    """Kill the master of a key and its replica for a block; give the master's number."""
    node = cluster.owner(key)
    nodes = [node, cluster.nodes[node.number + 3]]
    for each in nodes:
        each.server.kill()
    yield node.number
    for each in nodes:
        each.server.start()
    cluster.settle()


async def prepared(stage: Stage) -> list[Prepared]:
    """Return jobs of a queue whose partitions are known."""
    stage.app.queue("mail", partitions=PARTITIONS)
    job = stage.app.ref("work").options(queue="mail")
    await job.enqueue(0)
    return [job.prepare(n) for n in range(JOBS)]


async def send(stage: Stage, jobs: list[Prepared], *, sync: bool) -> None:
    """Send all in one call."""
    if sync:
        await asyncio.to_thread(stage.app.enqueue_many_sync, jobs)
    else:
        await stage.app.enqueue_many(jobs)


def owners(stage: Stage, cluster: Cluster, jobs: list[Prepared]) -> dict[str, int]:
    """Return the number of the node that each job goes to."""
    places = {each.job.id: place_of(each, stage.app.wiring.splits) for each in jobs}
    nodes = {place: cluster.owner(f"jobqueue:{{{place}}}:") for place in set(places.values())}
    return {id_: nodes[place].number for id_, place in places.items()}


async def test_each_job_by_itself(own_cluster: Cluster) -> None:
    """Jobs of the other nodes are stored at once, whoever sends one with them."""
    async with stage_on(own_cluster.url, enqueue_timeout=1.0) as stage:
        jobs = await prepared(stage)
        where = owners(stage, own_cluster, jobs)
        with half_away(own_cluster, "jobqueue:{mail#0}:") as away:
            calls = [stage.app.client.enqueue(each) for each in jobs]
            found = await asyncio.gather(*calls, return_exceptions=True)
    assert 0 < sum(number == away for number in where.values()) < JOBS
    for each, answer in zip(jobs, found, strict=True):
        expected = LOST if where[each.job.id] == away else JobHandle
        assert isinstance(answer, expected), (where[each.job.id], answer)


@pytest.mark.parametrize("sync", [False, True])
async def test_a_batch(own_cluster: Cluster, *, sync: bool) -> None:
    """The error of a batch keeps none of its jobs from the nodes that are there."""
    async with stage_on(own_cluster.url, enqueue_timeout=1.0) as stage:
        jobs = await prepared(stage)
        where = owners(stage, own_cluster, jobs)
        with half_away(own_cluster, "jobqueue:{mail#0}:") as away:
            with pytest.raises(LOST):
                await send(stage, jobs, sync=sync)
            for each in jobs:
                if where[each.job.id] != away:
                    stage.broker.queue = place_of(each, stage.app.wiring.splits)
                    assert await stage.broker.exists(each.job.id)
        handles = await stage.app.enqueue_many(jobs)  # again: no job twice
        assert {handle.status for handle in handles} == {"created", "exists"}
