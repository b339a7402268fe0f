"""A master of the cluster dies under load; its replica takes over, or the others go on alone."""

import asyncio
from collections.abc import Callable

import pytest

from jobqueue import current_job
from jobqueue.client import submitter, sync
from tests.support.cluster import Cluster, queues_of
from tests.support.failover import Load, through
from tests.support.stage import Stage, each_once, stage_on
from tests.support.waiting import wait_until

LEASE_MS = 2000


async def test_a_master_dies(
    healing_cluster: Cluster, record_property: Callable[[str, object], None]
) -> None:
    """No job is lost that a replica had, nobody has to help, and no worker is stuck."""
    cluster, node = healing_cluster, healing_cluster.nodes[0]
    queues = queues_of(cluster)
    cluster.may_succeed(node)

    async def kill(_load: Load) -> None:
        await asyncio.to_thread(node.server.kill)
        key = f"{{{queues[0]}}}"
        await wait_until(
            lambda: asyncio.to_thread(cluster.is_served, key),
            description="a new master",
            deadline=60,
        )
        await asyncio.to_thread(node.server.start)  # as a replica, for jobs that want one

    async with stage_on(cluster.url, lease=2.0) as stage:
        load = await through(stage, list(queues.values()), kill)
    assert len(load.safe) > 100
    record_property("lost by Redis", f"{len(load.lost)} of {len(load.stored)}")


async def leases(stage: Stage) -> list[tuple[bytes, float]]:
    """Return the workers that have a lease in the broker's queue, with its expiry in ms."""
    key = stage.broker.keys.leases(stage.broker.queue)
    return [
        (worker, expiry)
        for worker, expiry in await stage.broker.redis("ZRANGE", key, 0, -1, "WITHSCORES")
    ]


async def test_the_others_go_on(own_cluster: Cluster) -> None:
    """While a master has no successor, jobs of the other masters run, and their leases last."""
    cluster = own_cluster
    queues = queues_of(cluster)
    dead, here = queues[0], queues[1]
    async with stage_on(cluster.url, lease=LEASE_MS / 1000) as stage:
        hold, lost = asyncio.Event(), asyncio.Event()

        @stage.app.job(retry=0)
        async def work() -> None: ...

        @stage.app.job(retry=0)
        async def holds() -> None:
            stage.log.append("held")
            await (hold if current_job().queue == here else lost).wait()

        names = [dead, here]
        async with stage.app.worker(queues=names), stage.app.worker(queues=[here]):
            for queue in names:
                await (await work.options(queue=queue).enqueue()).result(timeout=30)
            both = [await holds.options(queue=here).enqueue() for _ in range(20)]
            await holds.options(queue=dead).enqueue()
            await stage.logged(len(both) + 1)
            for node in (cluster.nodes[0], cluster.nodes[3]):
                await asyncio.to_thread(node.server.kill)
            lost.set()  # its outcome can't be written, and holds up no other
            stage.broker.queue = here
            # Longer than a lease and another one, and a reclaimer is there to see it.
            until = max(expiry for _, expiry in await leases(stage)) + 2 * LEASE_MS

            async def renewed() -> bool:
                await (await work.options(queue=here).enqueue()).result(timeout=30)
                return all(expiry > until for _, expiry in await leases(stage))

            await wait_until(renewed, description="leases last")
            assert len(await leases(stage)) == 2
            hold.set()
            await stage.ended(*(job.id for job in both), deadline=30)
            each_once(await stage.rows())
            assert len(stage.log) == len(both) + 1, "leases of the other queues have lasted"
            for node in (cluster.nodes[0], cluster.nodes[3]):
                await asyncio.to_thread(node.server.start)
            await wait_until(
                lambda: asyncio.to_thread(cluster.is_served, f"{{{dead}}}"),
                description="the master is back",
                deadline=30,
            )
            await (await work.options(queue=dead).enqueue()).result(timeout=30)


async def test_the_set_of_queues_is_away(
    own_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs of a queue that was known before are taken and promoted without the set."""
    cluster = own_cluster
    node = cluster.owner("jobqueue:queues")
    here = next(queue for number, queue in queues_of(cluster).items() if number != node.number)
    async with stage_on(cluster.url) as stage:

        @stage.app.job()
        async def work() -> None: ...

        job = work.options(queue=here)
        away = (node, cluster.nodes[node.number + 3])
        async with stage.app.scheduler(), stage.app.worker(queues=[here]):
            await (await job.options(delay=0.1).enqueue()).result(timeout=30)
            await asyncio.to_thread(job.enqueue_sync)
            for dead in away:
                await asyncio.to_thread(dead.server.kill)
            for sending in (submitter, sync):  # from here on the set of queues is asked again
                monkeypatch.setattr(sending, "IDLE", 0.0)
            sent = [await job.options(delay=0.1).enqueue()]
            sent.append(await asyncio.to_thread(job.options(delay=0.1).enqueue_sync))
            for each in sent:
                await each.result(timeout=30)
    for dead in away:  # what the others have is judged
        await asyncio.to_thread(dead.server.start)
    await asyncio.to_thread(cluster.settle)
