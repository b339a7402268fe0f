"""Some answers of one call are lost for good: the error names each job in doubt, and no other."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from jobqueue import EnqueueUncertain, JobHandle, JobQueue, Prepared, Status
from jobqueue.client.parts import place_of
from jobqueue.settings import Settings
from tests.support.broker import connect
from tests.support.proxy import Proxy, proxy_to

FOR_EVER = 1000
LOST = ("{mail#1}", "{mail#2}")

sync_or_not = pytest.mark.parametrize("sync", [False, True])


@pytest.fixture
async def proxy(redis_url: str, tmp_path: Path) -> AsyncIterator[Proxy]:
    """Give a way to a server that knows the script already."""
    async with connect(redis_url) as broker:
        await broker.enqueue("first")
        await broker.finish(await broker.take())
    async with proxy_to(redis_url, tmp_path) as proxy:
        yield proxy


def app_on(proxy: Proxy) -> JobQueue:
    """Return an app that soon gives up."""
    return JobQueue(settings=Settings(redis_url=proxy.url, enqueue_timeout=2.0))


async def send(app: JobQueue, jobs: Sequence[Prepared], *, sync: bool) -> list[JobHandle[None]]:
    """Send all in one call."""
    return await (
        asyncio.to_thread(app.enqueue_many_sync, jobs) if sync else app.enqueue_many(jobs)
    )


def prepared(app: JobQueue, queue: str, n: int) -> list[Prepared]:
    """Return some jobs of a queue."""
    return [app.ref("job").options(queue=queue).prepare() for _ in range(n)]


@sync_or_not
async def test_a_batch(proxy: Proxy, *, sync: bool) -> None:
    """All jobs of a batch without an answer are in doubt; the same jobs can be sent again."""
    async with app_on(proxy) as app:
        jobs = prepared(app, "default", 10)
        proxy.lose_reply("enqueue", FOR_EVER)
        with pytest.raises(EnqueueUncertain, match="and 9 more") as caught:
            await send(app, jobs, sync=sync)
        assert caught.value.job_ids == tuple(job.job.id for job in jobs)
        assert caught.value.job_id == jobs[0].job.id
        proxy.lose_reply("enqueue", -FOR_EVER)
        handles = await send(app, jobs, sync=sync)
        assert {handle.status for handle in handles} == {Status.EXISTS}


async def test_two_batches_under_way(proxy: Proxy) -> None:
    """Jobs of a second batch that was sent before the first one failed are named too."""
    async with app_on(proxy) as app:
        jobs = [*prepared(app, "default", 3), *prepared(app, "other", 3)]
        proxy.lose_reply("enqueue", FOR_EVER)
        with pytest.raises(EnqueueUncertain) as caught:
            await app.enqueue_many(jobs)
        assert caught.value.job_ids == tuple(job.job.id for job in jobs)


@sync_or_not
async def test_some_partitions(proxy: Proxy, *, sync: bool) -> None:
    """Where some partitions answer, only the jobs of the others are in doubt."""
    async with app_on(proxy) as app:
        app.queue("mail", partitions=4)
        jobs = prepared(app, "mail", 40)
        for name in LOST:
            proxy.know(name)
            proxy.lose_reply(name, FOR_EVER)
        with pytest.raises(EnqueueUncertain) as caught:
            await send(app, jobs, sync=sync)
        splits = app.wiring.splits
        doubtful = {each.job.id for each in jobs if f"{{{place_of(each, splits)}}}" in LOST}
        assert 0 < len(doubtful) < len(jobs)
        assert len(caught.value.job_ids) == len(doubtful)
        assert set(caught.value.job_ids) == doubtful
        for name in LOST:
            proxy.lose_reply(name, -FOR_EVER)
        handles = await send(app, jobs, sync=sync)
        assert {handle.status for handle in handles} == {Status.EXISTS}
