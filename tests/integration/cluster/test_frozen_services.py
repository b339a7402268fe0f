"""A node is silent: each service says what it can't do, starts all the same, and does the rest."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from itertools import count
from time import monotonic

import pytest

from jobqueue import BrokerUnavailable, ConfigurationError, current_job
from jobqueue.scheduler.service import Service
from jobqueue.services import start
from jobqueue.services.running import running
from jobqueue.worker.worker import Worker
from tests.support.cluster import Cluster, Node, queues_of
from tests.support.freezing import frozen
from tests.support.stage import Stage, stage_on
from tests.support.waiting import wait_until

BOUND = 6.0  # seconds in which health tells, see docs/health.md
MERCY = 3.0  # more, for this machine
QUEUES = "jobqueue:queues"


@pytest.fixture
async def stage(own_cluster: Cluster, history_url: str) -> AsyncIterator[Stage]:
    """An app with a queue on each node, of which the names are known, and a job for all."""
    async with stage_on(own_cluster.url, database_url=history_url) as stage:

        @stage.app.job(name="job", retry=0)
        async def work() -> None:
            stage.log.append("ran")

        for queue in queues_of(own_cluster).values():
            await stage.broker.run(stage.broker.calls.register(queue))
        yield stage


def away(cluster: Cluster) -> tuple[Node, str, list[str]]:
    """Return a node that does not know all queues, its own queue, and those of the others."""
    keeper = cluster.owner(QUEUES)
    queues = queues_of(cluster)
    node = next(node for node in cluster.masters() if node is not keeper)
    return node, queues[node.number], [q for number, q in queues.items() if number != node.number]


async def tells(reasons: Callable[[], Sequence[str]], queue: str, *others: str) -> float:
    """Wait until health names a queue and none of the others; return the seconds."""
    began = monotonic()
    await wait_until(
        lambda: any(queue in each and "can't be reached" in each for each in reasons()),
        description=f"health names {queue}",
        deadline=30,
    )
    assert not [each for each in reasons() for other in others if other in each]
    return monotonic() - began


@pytest.mark.parametrize("role", ["scheduler", "recorder", "worker"])
async def test_health_tells(own_cluster: Cluster, stage: Stage, role: str) -> None:
    """Within a few seconds each service names the queues that it can't serve, and later none."""
    node, there, here = away(own_cluster)
    make = getattr(stage.app.services, role)
    made: Worker | Service = await (make([there, *here]) if role == "worker" else make())
    async with running(made) as service:

        def reasons() -> Sequence[str]:
            return service.health().reasons("readyz")

        await wait_until(lambda: not reasons(), description="all is well")
        async with frozen(own_cluster, node):
            took = await tells(reasons, there, *here)
            assert took < BOUND + MERCY, f"{took:.1f} s"
        await wait_until(lambda: not reasons(), description="all is well again")


async def enqueue(stage: Stage, queue: str, job_id: str) -> None:
    """Store a job of a queue."""
    stage.broker.queue = queue
    await stage.broker.enqueue(job_id)


async def test_a_worker_starts(own_cluster: Cluster, stage: Stage) -> None:
    """It runs what it can reach, and takes up the rest, with its limits, when that is back."""
    node, there, here = away(own_cluster)
    stage.broker.queue = there

    @stage.app.job(name="limited", limit=3, retry=0, redact=("secret",))
    async def limited(secret: str = "") -> None: ...

    async with AsyncExitStack() as stack:
        async with frozen(own_cluster, node):
            worker = await stack.enter_async_context(stage.app.worker(queues=[there, *here]))
            for number, queue in enumerate(here):
                await enqueue(stage, queue, f"job {number}")
            await stage.logged(len(here))
            await tells(lambda: worker.health().reasons("readyz"), there, *here)
        await enqueue(stage, there, "last")
        await stage.logged(len(here) + 1)
        hidden = await stage.broker.redis("HGET", stage.broker.keys.hidden(there), "limited")
        assert b"secret" in hidden
        assert await stage.broker.redis("GET", stage.broker.key("rules"))
        await wait_until(lambda: not worker.health().unready, description="all is well")


async def test_no_worker_for_nothing(
    own_cluster: Cluster, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that can serve none of its queues does not start, and says why."""
    node, there, _ = away(own_cluster)
    monkeypatch.setattr(start, "PATIENCE", 0.2)
    async with frozen(own_cluster, node):
        with pytest.raises(BrokerUnavailable, match="can't be reached"):
            await stage.app.run_worker(queues=[there])


@pytest.mark.parametrize("split", [False, True])
async def test_partitions_are_not_known(
    own_cluster: Cluster, stage: Stage, monkeypatch: pytest.MonkeyPatch, split: bool
) -> None:
    """A worker whose code knows of no split starts; it ends when it hears that there is one."""
    keeper = own_cluster.owner(QUEUES)
    here = next(q for number, q in queues_of(own_cluster).items() if number != keeper.number)
    monkeypatch.setattr(start, "PATIENCE", 0.2)
    if split:
        await stage.broker.run(stage.broker.calls.register(here, 4))
    async with frozen(own_cluster, keeper):
        worker = await stage.app.services.worker([here])
        task = asyncio.create_task(worker.run())
        await worker.started()
        await enqueue(stage, here, "first")
        await stage.logged(1)
    if split:
        with pytest.raises(ConfigurationError, match="has 4 partitions, which could not be known"):
            await task
        return
    await enqueue(stage, here, "second")
    await stage.logged(2)
    worker.stop()
    await task


async def test_a_scheduler_starts(own_cluster: Cluster, stage: Stage) -> None:
    """It fires, promotes and records for the nodes that answer."""
    node, there, here = away(own_cluster)
    fired: list[str] = []
    for queue in (there, *here):

        @stage.app.every(0.5)
        @stage.app.job(name=f"of-{queue}", queue=queue, retry=0)
        async def tick() -> None:
            fired.append(current_job().queue)

    stage.broker.queue = here[0]
    async with AsyncExitStack() as stack:
        async with frozen(own_cluster, node):
            scheduler = await stack.enter_async_context(stage.app.scheduler())
            await stack.enter_async_context(stage.app.worker(queues=[there, *here]))
            await wait_until(
                lambda: all(fired.count(queue) > 3 for queue in here), description="they fire"
            )
            await stage.broker.enqueue("later", delay_ms=100)
            await stage.logged(1)
            await tells(lambda: scheduler.health().reasons("readyz"), there, *here)
        await wait_until(lambda: there in fired, description="the other one fires, too")
        await wait_until(lambda: not scheduler.health().unready, description="all is well")


async def test_schedules_go_on(own_cluster: Cluster, stage: Stage) -> None:
    """Without the node that has the set of queues a scheduler fires where it did before."""
    keeper = own_cluster.owner(QUEUES)
    here = next(q for number, q in queues_of(own_cluster).items() if number != keeper.number)

    @stage.app.every(0.5)
    @stage.app.job(queue=here, retry=0)
    async def tick() -> None:
        stage.log.append(current_job().id)

    async with stage.app.scheduler(), stage.app.worker(queues=[here]):
        await stage.logged(2)
        async with frozen(own_cluster, keeper):
            await stage.logged(len(stage.log) + 10, deadline=30)
    assert len(set(stage.log)) == len(stage.log)


async def test_progress_goes_on(own_cluster: Cluster, stage: Stage) -> None:
    """The progress of jobs elsewhere is told all the time."""
    node, there, (here, _) = away(own_cluster)
    ends = asyncio.Event()

    @stage.app.job(name="long", retry=0)
    async def long() -> None:
        for step in count(1):
            current_job().progress(1 - 1 / step, f"step {step}")
            if ends.is_set():
                return
            await asyncio.sleep(0.05)

    async def steps() -> int:
        """Return how far the job is that is elsewhere."""
        told = (await stage.broker.state("long in " + here)).get("progress", "")
        return int(told.partition("step ")[2].partition('"')[0] or 0)

    async with stage.app.worker(queues=[there, here]):
        for queue in (there, here):
            stage.broker.queue = queue
            await stage.broker.enqueue(f"long in {queue}", name="long")
        await wait_until(steps, description="progress")
        async with frozen(own_cluster, node):
            longest, seen = 0.0, await steps()
            for _ in range(6):
                began = monotonic()
                await wait_until(partial(moved, steps, seen), description="progress elsewhere")
                longest, seen = max(longest, monotonic() - began), await steps()
        ends.set()
    assert longest < 4, f"nothing was heard for {longest:.1f} s"


async def moved(steps: Callable[[], Awaitable[int]], seen: int) -> bool:
    """Say whether there was more progress than this."""
    return await steps() > seen
