"""What users see of a queue in several partitions: one queue."""

import asyncio
from collections import Counter

import pytest

from jobqueue import JobExists, JobQueue, State, current_job
from jobqueue.broker import lookup
from jobqueue.client.batches import IDLE
from jobqueue.domain.partitions import names_of
from jobqueue.testing import clock, connect, enqueued, run_until_idle
from tests.integration.partitions.conftest import PARTITIONS, Split
from tests.support.keyspace import miscounted

JOBS = 400
NAMES = names_of("mail", PARTITIONS)


async def test_every_job_once(split: Split, url: str) -> None:
    """Jobs are spread over all partitions, each runs once, and people see the queue `mail`."""

    @split.app.job(queue="mail", retry=0)
    async def work(number: int) -> int:
        split.log.append(current_job().queue)
        return number

    jobs = await split.app.enqueue_many(work.prepare(n) for n in range(JOBS))
    assert {job.queue for job in jobs} == {"mail"}
    places = [await lookup.queue(split.broker.lane, split.broker.keys, name) for name in NAMES]
    assert all(sum(place.ready.values()) > 0 for place in places)
    [counts] = await split.app.queue_counts()
    assert (counts.name, counts.partitions) == ("mail", PARTITIONS)
    assert sum(counts.ready.values()) == counts.names["work"]["ready"] == JOBS
    async with split.app.worker(concurrency=20):
        assert await asyncio.gather(*(job.result(timeout=30) for job in jobs)) == [*range(JOBS)]
        [worker] = await split.app.living("worker")
        assert worker["queues"] == ["default", "mail"]
    assert Counter(split.log) == {"mail": JOBS}
    assert miscounted(url) == []


def test_without_an_event_loop(split: Split) -> None:
    """The blocking client sends to all partitions, waits and cancels."""

    @split.app.job(queue="mail", retry=0)
    async def work(number: int) -> int:
        return number

    async def run() -> None:
        async with split.app.worker():
            await asyncio.to_thread(produce)
        await split.app.close()

    def produce() -> None:
        jobs = split.app.enqueue_many_sync(work.prepare(n) for n in range(JOBS))
        later = work.options(delay=60).enqueue_sync(1)
        assert later.cancel_sync() is State.SCHEDULED
        assert [job.result_sync(timeout=30) for job in jobs] == [*range(JOBS)]

    asyncio.run(run())


async def test_by_its_id(split: Split) -> None:
    """A job is found and cancelled by its id alone, and an id is taken once."""

    @split.app.job(queue="mail", redact=())
    async def work() -> None: ...

    ids = [f"order-{n}" for n in range(20)]
    await split.app.enqueue_many(work.options(job_id=each, delay=60).prepare() for each in ids)
    for each in ids:
        with pytest.raises(JobExists):
            await work.options(job_id=each).enqueue()
        [found] = await split.app.find(each)
        assert (found.queue, found.state) == ("mail", State.SCHEDULED)
        assert await split.app.cancel(each, queue="mail") is State.SCHEDULED
        [found] = await split.app.find(each, queue="mail")
        assert found.state is State.CANCELLED


async def test_later(split: Split) -> None:
    """Delayed jobs and retries are promoted in every partition."""

    @split.app.job(queue="mail", retry=1)
    async def work(number: int) -> int:
        if current_job().attempt == 1:
            raise ConnectionError("not yet")
        return number

    fast = work.options(delay=0.2, retry=None)
    jobs = await split.app.enqueue_many(fast.prepare(n) for n in range(20))
    async with split.app.scheduler(), split.app.worker():
        assert await asyncio.gather(*(job.result(timeout=30) for job in jobs)) == [*range(20)]


async def test_schedule(split: Split) -> None:
    """A schedule fires once for each time, wherever its job's id would lead."""

    @split.app.every(1)
    @split.app.job(queue="mail")
    async def tick() -> None:
        split.log.append(current_job().id)

    async with split.app.scheduler(), split.app.scheduler(), split.app.worker():
        ids = await split.logged(3)
    assert len(set(ids)) == len(ids)


async def test_used_before(split: Split) -> None:
    """Jobs of producers that know of no partitions, or came before, are run as well."""
    old = split.other()
    before = await old.ref("work").options(queue="mail").enqueue(1)

    @split.app.job(queue="mail", retry=0)
    async def work(number: int) -> int:
        return number

    async with split.app.worker():
        assert await before.result(timeout=30) == 1
        late = await old.ref("work").options(queue="mail").enqueue(2)
        assert await late.result(timeout=30) == 2
        assert await (await work.enqueue(3)).result(timeout=30) == 3
    await old.close()


async def test_learnt_while_it_is_sent(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """A producer that hears of the split from the call that brings his job finds its result."""
    monkeypatch.setattr("jobqueue.client.submitter.IDLE", 0.0)  # it asks with each call
    old = split.other()
    await old.ref("work").options(queue="mail").enqueue(1)

    @split.app.job(queue="mail", retry=0)
    async def work(number: int) -> int:
        return number

    async with split.app.worker():
        late = await old.ref("work").options(queue="mail").enqueue(2)
        assert await late.result(timeout=30) == 2
    await old.close()


async def test_a_worker_without_the_declaration(split: Split) -> None:
    """Producers and workers whose code says nothing learn the number from Redis."""
    await split.app.ref("work").options(queue="mail").enqueue(0)
    other = split.other()

    @other.job(queue="mail", retry=0)
    async def work(number: int) -> int:
        return number

    async with other.worker():
        jobs = await other.enqueue_many(work.prepare(n) for n in range(JOBS))
        assert await asyncio.gather(*(job.result(timeout=30) for job in jobs)) == [*range(JOBS)]
    names = await lookup.queues(split.broker.lane, split.broker.keys)
    assert names == sorted(NAMES)
    await other.close()


async def test_redis_lost_everything(split: Split) -> None:
    """A producer tells a server that has lost its data of the partitions again."""

    @split.app.job(queue="mail", retry=0)
    async def work(number: int) -> int:
        return number

    other = split.other()
    await work.enqueue(1)
    await other.ref("work").options(queue="mail").enqueue(1)
    for master in await split.broker.lane.masters():
        await master.command("FLUSHALL")
    for submitter in other.client._loops.here().dispatch._submitters.values():
        submitter.used -= IDLE
    await other.ref("work").options(queue="mail").enqueue(1)
    assert sorted(NAMES) == await lookup.queues(split.broker.lane, split.broker.keys)
    await other.close()


async def test_for_tests(redis_url: str) -> None:
    """``jobqueue.testing`` shows and runs all partitions as one queue."""
    app = JobQueue()
    app.queue("mail", partitions=PARTITIONS)

    @app.job(queue="mail")
    async def work(number: int) -> int:
        return number

    async with connect(app, redis_url):
        await app.enqueue_many(work.prepare(n) for n in range(20))
        assert {each.queue for each in enqueued(app)} == {"mail"}
        jobs = await run_until_idle(app)
        assert sorted(job.result for job in jobs) == [*range(20)]
        assert {job.queue for job in jobs} == {"mail"}
        with clock(app) as time:
            await work.options(delay=3600).enqueue(1)
            time.move(hours=2)
            [job] = await run_until_idle(app)
            assert (job.queue, job.result) == ("mail", 1)
