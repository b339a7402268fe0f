"""Keys hold over a whole queue, since each lies in one partition; what can't be held is refused."""

import asyncio

import pytest

from jobqueue import (
    ConfigurationError,
    DuplicateJob,
    InvalidJob,
    JobHandle,
    JobOptions,
    JobQueue,
    Limit,
    Rate,
    Status,
    Unique,
    current_job,
)
from jobqueue.settings import Settings
from jobqueue.testing import inline
from tests.integration.partitions.conftest import PARTITIONS, Split

APART = JobOptions(lock="user:42", idempotency_key="one")  # they lie in different partitions


async def test_locks(split: Split) -> None:
    """Jobs of one key run one at a time and in order; those of other keys do not wait."""

    @split.app.job(queue="mail", retry=0)
    async def work(key: str, number: int) -> None:
        split.log.append((key, number))
        await asyncio.sleep(0)
        assert split.log[-1] == (key, number) or split.log[-1][0] != key

    keys = [f"user:{n}" for n in range(10)]
    jobs = await split.app.enqueue_many(
        work.options(lock=key).prepare(key, number) for number in range(10) for key in keys
    )
    assert [job.status for job in jobs] == [Status.CREATED] * 10 + [Status.BLOCKED] * 90
    async with split.app.worker(), split.app.worker():
        await asyncio.gather(*(job.result(timeout=30) for job in jobs))
    for key in keys:
        assert [number for found, number in split.log if found == key] == [*range(10)]


async def test_unique(split: Split) -> None:
    """Fifty producers, half of them without the code, make one job of each key."""

    @split.app.job(queue="mail")
    async def work(number: int) -> None: ...

    await work.options(delay=3600).enqueue(-1)  # from here on Redis knows the number
    other = split.other()
    unique = Unique("number", on_conflict="return")
    calls = [each.ref("work").options(queue="mail", unique=unique) for each in (split.app, other)]
    jobs = await asyncio.gather(*(call.enqueue(number=n) for call in calls * 25 for n in range(10)))
    assert len({job.id for job in jobs}) == 10
    with pytest.raises(DuplicateJob):
        await work.options(unique=Unique("number")).enqueue(3)
    await other.close()


async def test_idempotency(split: Split) -> None:
    """The second of two equal calls answers with the job of the first."""

    @split.app.job(queue="mail")
    async def work(number: int) -> None: ...

    first = [await work.options(idempotency_key=f"k{n}").enqueue(n) for n in range(10)]
    again = [await work.options(idempotency_key=f"k{n}").enqueue(n) for n in range(10)]
    assert [job.id for job in again] == [job.id for job in first]
    assert {job.status for job in again} == {Status.DUPLICATE}


async def test_keys_apart(split: Split) -> None:
    """A job whose keys lie apart is refused, and harms no job that is sent with it."""

    @split.app.job(queue="mail")
    async def work(number: int) -> None: ...

    found = await asyncio.gather(
        *(work.enqueue(n) for n in range(10)),
        work.options(**APART).enqueue(1),
        *(work.enqueue(n) for n in range(10)),
        return_exceptions=True,
    )
    assert isinstance(found[10], InvalidJob)
    sent = [each for each in found if isinstance(each, JobHandle)]
    assert [each.status for each in sent] == [Status.CREATED] * 20
    with pytest.raises(InvalidJob, match="lie in different ones"):
        await asyncio.to_thread(work.options(**APART).enqueue_sync, 1)
    [counts] = await split.app.queue_counts()
    assert sum(counts.ready.values()) == 20
    together = JobOptions(lock="{user:42}", idempotency_key="{user:42}:one")
    assert (await work.options(**together).enqueue(1)).status is Status.CREATED


async def test_limits(split: Split) -> None:
    """No limit is taken that would have to count over all partitions."""
    for limit in ({"limit": 1}, {"rate": Rate(1)}, {"max_depth": 1}):
        with pytest.raises(ConfigurationError, match="no limit can count over all of them"):
            split.app.queue("other", partitions=2, **limit)

    @split.app.job(limit=Limit(1))
    async def limited() -> None: ...

    with pytest.raises(InvalidJob, match="no limit can count over all of them"):
        await limited.options(queue="mail").enqueue()
    await split.app.ref("work").options(queue="mail").enqueue()
    with pytest.raises(ConfigurationError, match="no limit can count over all of them"):
        await split.app.set_limit("mail", "limit:queue", 1)
    assert await split.app.limits(queue="mail") == []


async def test_limits_of_its_handlers(split: Split) -> None:
    """A worker whose code limits jobs of such a queue does not start."""

    @split.app.job(queue="mail", rate=Rate(1))
    async def limited() -> None: ...

    with pytest.raises(ConfigurationError, match="no limit can count over all of them"):
        async with split.app.worker():
            pass


async def test_another_number(split: Split) -> None:
    """Code that declares another number than the queue has is told so, and nothing is sent."""
    await split.app.ref("work").options(queue="mail").enqueue()
    other = split.other(partitions=PARTITIONS * 2)
    words = f"queue 'mail' has {PARTITIONS} partitions, and this app declares {PARTITIONS * 2}"
    with pytest.raises(ConfigurationError, match=words):
        await other.ref("work").options(queue="mail").enqueue()
    with pytest.raises(ConfigurationError, match=words):
        async with other.worker(queues=["mail"]):
            pass
    with pytest.raises(ConfigurationError, match=words):
        await asyncio.to_thread(other.ref("work").options(queue="mail").enqueue_sync)
    await other.close()


async def test_order_of_queues(split: Split) -> None:
    """A worker that is told an order takes every partition's jobs before the next queue's."""

    @split.app.job(retry=0)
    async def work() -> None:
        split.log.append(current_job().queue)

    for queue in ("other", "mail"):
        await split.app.enqueue_many(work.options(queue=queue).prepare() for _ in range(40))
    async with split.app.worker(queues=["mail", "other"], concurrency=1):
        await split.logged(80)
    assert split.log == ["mail"] * 40 + ["other"] * 40


async def test_jobs_of_a_queue_at_once(split: Split) -> None:
    """The bound of a queue on a worker counts over its partitions."""
    app = split.other(partitions=PARTITIONS, queue_concurrency={"mail": 3})
    running = 0

    @app.job(queue="mail", retry=0)
    async def work() -> None:
        nonlocal running
        running += 1
        split.log.append(running)
        await asyncio.sleep(0.01)
        running -= 1

    await app.enqueue_many(work.prepare() for _ in range(40))
    async with app.worker():
        await split.logged(40)
    assert max(split.log) == 3
    await app.close()


@pytest.mark.parametrize("sync", [False, True])
async def test_a_list_is_checked_first(split: Split, *, sync: bool) -> None:
    """One job that does not fit keeps a whole list from being stored, and is named."""
    work = split.app.ref("work").options(queue="mail")
    jobs = [work.prepare(n) for n in range(1200)]
    jobs[1100] = unfit = work.options(**APART).prepare(1100)
    app = split.app
    with pytest.raises(InvalidJob, match=unfit.job.id):
        await (asyncio.to_thread(app.enqueue_many_sync, jobs) if sync else app.enqueue_many(jobs))
    [counts] = await split.app.queue_counts()
    assert sum(counts.ready.values()) == 0
    assert (counts.name, counts.partitions) == ("mail", PARTITIONS)


async def test_secrets_stay_secret(split: Split) -> None:
    """A key that is made of an argument that nobody may see is not in the error."""

    @split.app.job(queue="mail", redact=("token",), unique=Unique("token"))
    async def work(token: str) -> None: ...

    with pytest.raises(InvalidJob) as caught:
        await work.options(lock="user:42").enqueue("sesame")
    assert "sesame" not in str(caught.value)


def test_inline_refuses_it_too() -> None:
    """What a server would refuse fails a test without one as well."""
    app = JobQueue(settings=Settings())
    app.queue("mail", partitions=PARTITIONS)

    @app.job(queue="mail")
    async def work() -> None: ...

    with inline(app), pytest.raises(InvalidJob, match="lie in different ones"):
        work.options(**APART).enqueue_sync()
