"""Who asks for replicas is told the truth; who does not, waits for nobody."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobqueue import InvalidJob, NotReplicated
from jobqueue.broker.replication import _reached
from jobqueue.domain.replication import Replication
from jobqueue.embedded import ValkeyServer
from tests.support.ports import free_ports
from tests.support.sentinel import run
from tests.support.servers import redis_programs
from tests.support.stage import Stage, stage_on
from tests.support.waiting import wait_until, wait_until_sync


@pytest.fixture(params=redis_programs())
def pair(
    request: pytest.FixtureRequest, tmp_path: Path, judge: Callable[[str], None]
) -> Iterator[list[ValkeyServer]]:
    """A master and its replica, both with their files."""
    program = redis_programs()[request.param]
    ports = free_ports(2)
    at_once = {"repl-diskless-sync-delay": "0"}  # it is the master that would wait
    settings = [at_once, {"replicaof": f"127.0.0.1 {ports[0]}"}]
    servers = [
        ValkeyServer(tmp_path / str(port), program=program, settings={"port": str(port)} | more)
        for port, more in zip(ports, settings, strict=True)
    ]
    for server in servers:
        server.start()
    wait_until_sync(
        lambda: run(servers[1], "ROLE")[3] == b"connected", description="the replica follows"
    )
    try:
        yield servers
        judge(servers[0].url)
    finally:
        for server in servers:
            server.stop()


async def test_a_replica_has_it(pair: list[ValkeyServer]) -> None:
    """When enqueue returns, the replica has the job; the blocking client does the same."""
    async with stage_on(pair[0].url, replication_timeout=30.0) as stage:

        @stage.app.job(durability="replicated")
        async def work() -> None: ...

        jobs = [await work.enqueue(), await asyncio.to_thread(work.enqueue_sync)]
        for job in jobs:
            assert run(pair[1], "EXISTS", stage.broker.keys.job("default", job.id)) == 1
            assert job.durable is True
        handles = await stage.app.enqueue_many(work.prepare() for _ in range(3))
        assert [handle.durable for handle in handles] == [True] * 3


async def test_no_replica(pair: list[ValkeyServer]) -> None:
    """Without it the error says that the job is stored; and a repeated call says no more."""
    pair[1].kill()
    async with stage_on(pair[0].url, replication_timeout=0.05) as stage:

        @stage.app.job()
        async def work() -> None:
            stage.log.append(None)

        replicated = work.options(durability="replicated")
        with pytest.raises(NotReplicated, match=r"is stored, .* 0 of 1 replicas") as caught:
            await replicated.enqueue()
        assert (caught.value.reached, caught.value.asked) == (0, 1)
        with pytest.raises(NotReplicated):
            await asyncio.to_thread(replicated.enqueue_sync)
        both = await stage.app.enqueue_many([work.prepare(), replicated.prepare()])
        assert [handle.durable for handle in both] == [False, False], "of one batch"
        [plain] = await stage.app.enqueue_many([work.prepare()])
        assert plain.durable is None
        async with stage.app.worker():
            await stage.logged(5)


async def test_after_a_lost_connection(pair: list[ValkeyServer]) -> None:
    """A call that is repeated on a new connection is not confirmed by a replica that stands still.

    It writes nothing the second time, and WAIT counts what its own connection has written.
    """
    async with stage_on(pair[0].url, replication_timeout=3.0) as stage:

        @stage.app.job()
        async def work() -> None: ...

        replicated = work.options(durability="replicated")
        await replicated.enqueue()
        pair[1].kill()
        enqueueing = asyncio.create_task(replicated.enqueue())

        async def waits() -> bool:
            clients = (await stage.broker.redis("CLIENT", "LIST")).decode()
            return "cmd=wait" in clients

        await wait_until(waits, description="it waits for the replica")
        await stage.broker.redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        with pytest.raises(NotReplicated):
            await enqueueing
        assert await stage.broker.length("ready:2") == 2, "one job, however often it was sent"


async def test_it_waits_longer_than_an_answer_may_take(pair: list[ValkeyServer]) -> None:
    """A long wait for replicas is no server that does not answer."""
    pair[1].kill()
    async with stage_on(pair[0].url, replication_timeout=2.0, enqueue_timeout=2.0) as stage:
        job = stage.app.ref("work").options(durability="replicated")
        with pytest.raises(NotReplicated):
            await job.enqueue()
        with pytest.raises(NotReplicated):
            await asyncio.to_thread(job.enqueue_sync)


async def test_partitions_wait_at_the_same_time(pair: list[ValkeyServer]) -> None:
    """A batch over several partitions waits once for replicas, not once for each partition."""
    async with stage_on(pair[0].url, replication_timeout=4.0) as stage:
        stage.app.queue("mail", partitions=4)
        job = stage.app.ref("work").options(queue="mail", durability="replicated")
        pair[1].kill()
        for sync in (False, True):
            jobs = [job.prepare(n) for n in range(40)]
            many, many_sync = stage.app.enqueue_many, stage.app.enqueue_many_sync
            sending = asyncio.create_task(
                asyncio.to_thread(many_sync, jobs) if sync else many(jobs)
            )

            async def all_wait() -> bool:
                clients: bytes = await stage.broker.redis("CLIENT", "LIST")
                return clients.count(b"cmd=wait") == 4

            await wait_until(all_wait, description="every partition waits for the replica")
            assert [handle.durable for handle in await sending] == [False] * 40


async def test_on_disk(pair: list[ValkeyServer], request: pytest.FixtureRequest) -> None:
    """Who asks for disks waits for those of master and replica, where the server can say."""
    async with stage_on(pair[0].url, replication_timeout=6.0) as stage:

        @stage.app.job(durability="synced")
        async def work() -> None: ...

        if "redis-7.0" not in request.node.name:
            assert (await work.enqueue()).durable
            assert (await asyncio.to_thread(work.enqueue_sync)).durable
            stage.app.queue("mail", partitions=8)
            jobs = [work.options(queue="mail").prepare() for _ in range(40)]
            handles = await asyncio.to_thread(stage.app.enqueue_many_sync, jobs)
            assert all(handle.durable for handle in handles), "one second for all partitions"
            run(pair[0], "CONFIG", "SET", "appendonly", "no")
            reason = "its master keeps no append-only file; run CONFIG SET appendonly yes"
        else:
            reason = "its master does not know WAITAOF; use Redis 7.2"
        with pytest.raises(NotReplicated, match=reason):
            await work.enqueue()
        with pytest.raises(NotReplicated, match=reason):
            await asyncio.to_thread(work.enqueue_sync)


def test_a_late_disk() -> None:
    """When the replicas have it and the master's disk does not, the error names the disk."""
    reached = _reached([1, [0, 1]], Replication(1, 1.0, disk=True))
    assert (reached.replicas, reached.enough) == (1, False)
    assert "append-only file in time" in reached.problem


async def test_other_words(stage: Stage) -> None:
    """Another word is refused, on a job and on a handler."""

    @stage.app.job()
    async def work() -> None: ...

    with pytest.raises(InvalidJob, match="write 'replicated' or 'synced'"):
        work.options(durability="safe")  # type: ignore[arg-type]
