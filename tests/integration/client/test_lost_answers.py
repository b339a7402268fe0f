"""The line is cut after Redis has carried a call out: one job, or an error that names it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jobqueue import EnqueueUncertain, JobExists, JobHandle, JobQueue, Prepared, Status
from jobqueue.settings import Settings
from tests.support import wait_until
from tests.support.broker import Broker, connect, ids
from tests.support.proxy import Proxy


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    """Look at the server directly; it knows the script already."""
    async with connect(redis_url) as broker:
        await broker.enqueue("first")
        await broker.finish(await broker.take())
        yield broker


def app_on(proxy: Proxy, patience: float = 15) -> JobQueue:
    """Return an app on the other side."""
    return JobQueue(settings=Settings(redis_url=proxy.url, enqueue_timeout=patience))


async def send(app: JobQueue, *, sync: bool, **options: Any) -> JobHandle[Any]:
    """Enqueue one job in either form."""
    call = app.ref("job").options(**options)
    return await (asyncio.to_thread(call.enqueue_sync, 1) if sync else call.enqueue(1))


sync_or_not = pytest.mark.parametrize("sync", [False, True])


@sync_or_not
@pytest.mark.parametrize("times", [1, 3])
async def test_one_job_and_no_error(
    proxy: Proxy, broker: Broker, times: int, *, sync: bool
) -> None:
    """The call is repeated with its number: the caller learns that it made the job."""
    async with app_on(proxy) as app:
        proxy.lose_reply("enqueue", times)
        job = await send(app, sync=sync)
        assert job.status is Status.CREATED
        assert proxy.lost()
    assert ids(await broker.fetch("w1")) == [job.id]


@sync_or_not
async def test_own_id(proxy: Proxy, broker: Broker, *, sync: bool) -> None:
    """The caller that made the job is not told that somebody else did."""
    async with app_on(proxy) as app:
        proxy.lose_reply("enqueue")
        assert (await send(app, sync=sync, job_id="mine")).status is Status.CREATED
        proxy.lose_reply("enqueue")
        with pytest.raises(JobExists):
            await send(app, sync=sync, job_id="mine")
    assert ids(await broker.fetch("w1")) == ["mine"]


@sync_or_not
async def test_job_that_ended_in_between(proxy: Proxy, broker: Broker, *, sync: bool) -> None:
    """Even when the job has run and is forgotten, the repeated call makes no second one."""
    async with app_on(proxy) as app:
        proxy.hold("enqueue")
        task = asyncio.ensure_future(send(app, sync=sync))
        [delivery] = await wait_until(broker.fetch, description="the job is there")
        await broker.finish(delivery)
        await broker.recorded()
        proxy.cut()
        proxy.free()
        job = await task
        assert (job.id, job.status) == (delivery.id, Status.CREATED)
    assert await broker.fetch("w1") == []
    assert proxy.seen["enqueue"] == 2


async def test_many(proxy: Proxy, broker: Broker) -> None:
    """Each of several batches loses its first answer; every job is there once, in order."""
    async with app_on(proxy) as app:
        proxy.lose_reply("enqueue", 3)
        handles = await app.enqueue_many(app.ref("job").prepare(n) for n in range(2500))
        assert {handle.status for handle in handles} == {Status.CREATED}
        assert proxy.lost()
    assert ids(await broker.fetch("w1", 5000)) == [handle.id for handle in handles]


async def test_many_in_a_thread(proxy: Proxy, broker: Broker) -> None:
    """The blocking form is no different."""
    async with app_on(proxy) as app:
        proxy.lose_reply("enqueue", 3)
        jobs = [app.ref("job").prepare(n) for n in range(2500)]
        handles = await asyncio.to_thread(app.enqueue_many_sync, jobs)
        assert {handle.status for handle in handles} == {Status.CREATED}
    assert ids(await broker.fetch("w1", 5000)) == [handle.id for handle in handles]


async def test_those_who_shared_the_call(proxy: Proxy, broker: Broker) -> None:
    """A hundred producers on one lost call: each gets its own answer."""
    async with app_on(proxy) as app:
        proxy.lose_reply("enqueue")
        handles = await asyncio.gather(*(send(app, sync=False) for _ in range(100)))
    assert ids(await broker.fetch("w1", 1000)) == [handle.id for handle in handles]


@sync_or_not
async def test_time_is_over(proxy: Proxy, broker: Broker, *, sync: bool) -> None:
    """When no answer ever comes, the error names the job that may be there, and how to find out."""
    async with app_on(proxy, 2.0) as app:
        proxy.lose_reply("enqueue", 1000)
        with pytest.raises(EnqueueUncertain) as caught:
            await send(app, sync=sync)
        assert "no answer from Redis" in str(caught.value)
        assert caught.value.__cause__ is not None
        proxy.lose_reply("enqueue", -1000)
        with pytest.raises(JobExists):
            await send(app, sync=sync, job_id=caught.value.job_id)
    assert ids(await broker.fetch("w1")) == [caught.value.job_id]


async def test_each_is_told_its_own_id(proxy: Proxy, broker: Broker) -> None:
    """Producers that shared the call learn each which job of theirs may be there."""
    async with app_on(proxy, 2.0) as app:
        proxy.lose_reply("enqueue", 1000)
        found = await asyncio.gather(
            *(send(app, sync=False) for _ in range(20)), return_exceptions=True
        )
        named = [error.job_id for error in found if isinstance(error, EnqueueUncertain)]
    assert sorted(ids(await broker.fetch("w1", 100))) == sorted(named)
    assert len(named) == 20


async def test_cancelled_producer(proxy: Proxy, broker: Broker) -> None:
    """A producer that was cancelled leaves the others of its call alone."""
    async with app_on(proxy) as app:
        proxy.hold("enqueue")
        first = asyncio.create_task(send(app, sync=False))
        second = asyncio.create_task(send(app, sync=False))
        await wait_until(lambda: proxy.seen["enqueue"], description="the call is on its way")
        first.cancel()
        await asyncio.wait({first})
        proxy.free()
        job = await second
        assert (await send(app, sync=False)).status is Status.CREATED
    assert job.id in ids(await broker.fetch("w1", 10))


async def test_everything_is_cancelled(proxy: Proxy, broker: Broker) -> None:
    """When a program cancels all its tasks, ours too, nobody waits for ever; the app goes on."""
    async with app_on(proxy) as app:
        proxy.hold("enqueue")
        tasks = [asyncio.create_task(send(app, sync=False)) for _ in range(3)]
        await wait_until(lambda: proxy.seen["enqueue"], description="the call is on its way")
        tasks += [asyncio.create_task(send(app, sync=False)) for _ in range(3)]
        await asyncio.sleep(0)
        sender = app.client._loops.here().dispatch.submitter("default", Prepared)._task
        assert sender
        sender.cancel()
        await asyncio.wait(tasks)
        assert all(task.cancelled() for task in tasks)
        proxy.free()
        job = await send(app, sync=False)
    assert job.id in ids(await broker.fetch("w1", 10))


async def test_forgotten_number(proxy: Proxy, broker: Broker) -> None:
    """A server that has forgotten the call between two tries makes the job then."""
    async with app_on(proxy) as app:
        proxy.hold("enqueue")
        task = asyncio.create_task(send(app, sync=False))
        await wait_until(lambda: proxy.seen["enqueue"], description="the call is on its way")
        proxy.cut()
        await broker.redis("FLUSHALL")
        proxy.free()
        job = await task
    assert ids(await broker.fetch("w1")) == [job.id]
    assert await broker.redis("SMEMBERS", broker.keys.queues) == [b"default"]
