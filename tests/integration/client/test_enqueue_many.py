"""Many jobs at once: order, statuses, batches and round trips."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from jobqueue import InvalidJob, JobHandle, JobQueue, Prepared, Status
from jobqueue.client import batches, submitter, sync
from tests.integration.client.conftest import Counter
from tests.support.broker import ids
from tests.support.stage import Stage, stage_on

QUEUES = ("a", "default", "c")

Many = Callable[[JobQueue, Any], Any]


async def many_async(app: JobQueue, jobs: Any) -> list[JobHandle[Any]]:
    """Enqueue on the loop."""
    return await app.enqueue_many(jobs)


async def many_sync(app: JobQueue, jobs: Any) -> list[JobHandle[Any]]:
    """Enqueue in a thread."""
    return await asyncio.to_thread(app.enqueue_many_sync, jobs)


@pytest.fixture
def never_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine seconds go by between two calls: do not register queues again then."""
    for module in (submitter, sync):
        monkeypatch.setattr(module, "IDLE", math.inf)


both = pytest.mark.parametrize("many", [many_async, many_sync])


@pytest.mark.usefixtures("never_idle")
@both
async def test_order_and_statuses(stage: Stage, server: Counter, many: Many) -> None:
    """Handles come in the order of the jobs, each with its own status."""
    job = stage.app.ref("job")
    calls = [job.options(queue=queue) for queue in QUEUES]
    first = [calls[n % 3].options(job_id=f"{n}").prepare(n) for n in range(0, 3000, 5)]
    await many(stage.app, first)
    jobs = [calls[n % 3].options(job_id=f"{n}").prepare(n) for n in range(3000)]
    server.reset()
    handles = await many(stage.app, iter(jobs))
    assert [handle.id for handle in handles] == [str(n) for n in range(3000)]
    assert [handle.queue for handle in handles] == [QUEUES[n % 3] for n in range(3000)]
    assert [n for n, h in enumerate(handles) if h.status is Status.EXISTS] == [*range(0, 3000, 5)]
    # A thousand of each queue, in turn: a batch for each, not for each change of queue.
    assert server.round_trips() == 3


@both
async def test_each_queue_keeps_its_order(stage: Stage, many: Many) -> None:
    """Jobs of one queue and priority are ready in the order in which they were given."""
    job = stage.app.ref("job")
    queues = [job.options(queue="default"), job.options(queue="other")]
    handles = await many(stage.app, [queues[n % 2].prepare(n) for n in range(2500)])
    expected = [handle.id for handle in handles if handle.queue == "default"]
    assert ids(await stage.broker.fetch("w1", 2000)) == expected


@both
async def test_nothing(stage: Stage, server: Counter, many: Many) -> None:
    """No jobs are no round trip."""
    assert await many(stage.app, []) == []
    assert server.stored() == set()


@both
@pytest.mark.parametrize("kind", [list, iter, tuple])
async def test_something_else_among_the_jobs(
    stage: Stage, server: Counter, many: Many, kind: Callable[[Any], Any]
) -> None:
    """What is no prepared job is refused by its number; of a list nothing is stored."""
    job = stage.app.ref("job")
    for other in (5, job, "x" * 1000):
        with pytest.raises(InvalidJob, match=r"jobs: number 1 is .*; give what prepare") as caught:
            await many(stage.app, kind([job.prepare(1), other]))
        assert len(str(caught.value)) < 200
    assert server.stored() == set()


@both
async def test_no_jobs_at_all(stage: Stage, many: Many) -> None:
    """One job alone and an asynchronous generator are refused with what to write."""
    job = stage.app.ref("job").prepare(1)

    async def later() -> AsyncIterator[Prepared]:
        yield job

    for wrong, words in ((job, "is no list of prepared jobs"), (later(), "async for job in")):
        with pytest.raises(InvalidJob, match=words):
            await many(stage.app, wrong)


@both
async def test_one_refused_job_refuses_all(stage: Stage, server: Counter, many: Many) -> None:
    """A list is prepared before the first job is sent."""
    job = stage.app.ref("job")
    values = (float("nan") if n == 2500 else n for n in range(5000))
    with pytest.raises(InvalidJob, match="positional argument 1: it holds nan"):
        await many(stage.app, [job.prepare(value) for value in values])
    assert server.stored() == set()


@both
async def test_an_iterator_stops_where_it_refuses(stage: Stage, many: Many) -> None:
    """Whole batches before the refused job are stored, and nothing after it."""
    job = stage.app.ref("job")
    values = (float("nan") if n == 2500 else n for n in range(5000))
    with pytest.raises(InvalidJob, match="positional argument 1: it holds nan"):
        await many(stage.app, (job.prepare(value) for value in values))
    assert len(await stage.broker.fetch("w1", 5000)) == 2000


@both
async def test_the_same_jobs_again(stage: Stage, many: Many) -> None:
    """A prepared job has its id: sending it again makes no second one."""
    jobs = [stage.app.ref("job").prepare(n) for n in range(10)]
    assert {handle.status for handle in await many(stage.app, jobs)} == {Status.CREATED}
    assert {handle.status for handle in await many(stage.app, jobs)} == {Status.EXISTS}
    assert len(await stage.broker.fetch("w1", 100)) == 10


@both
async def test_one_id_twice_in_a_call(stage: Stage, many: Many) -> None:
    """The first one counts."""
    call = stage.app.ref("job").options(job_id="1")
    first, second = await many(stage.app, [call.prepare("first"), call.prepare("second")])
    assert (first.status, second.status) == (Status.CREATED, Status.EXISTS)
    [found] = await stage.app.find("1")
    assert found.arguments == {"*": ["first"]}


async def test_the_loop_goes_on(stage: Stage) -> None:
    """While a long iterator prepares jobs, others run."""
    seen: list[int] = []

    def prepared() -> Iterator[Prepared]:
        for n in range(3000):
            seen.append(n)
            yield stage.app.ref("job").prepare(n)

    task = asyncio.create_task(stage.app.enqueue_many(prepared()))
    await asyncio.sleep(0)
    assert len(seen) == batches.MOST_JOBS
    assert len(await task) == 3000


@pytest.mark.usefixtures("never_idle")
async def test_concurrent_enqueues_share_round_trips(stage: Stage, server: Counter) -> None:
    """A hundred at once are two or three calls; each caller gets its own answer."""
    job = stage.app.ref("job")
    await job.enqueue("so that the script is known")
    server.reset()
    handles = await asyncio.gather(*(job.enqueue(n) for n in range(100)))
    # Perhaps the first alone; then half of them at once, so that Redis works while the rest come.
    assert server.round_trips() <= 3
    assert len({handle.id for handle in handles}) == 100
    found = [await stage.app.find(handle.id) for handle in handles]
    assert [each[0].arguments for each in found] == [{"*": [n]} for n in range(100)]


@pytest.mark.usefixtures("never_idle")
async def test_what_comes_meanwhile_shares_the_next_one(stage: Stage, server: Counter) -> None:
    """Each of ten tasks enqueues ten times: their jobs travel together."""
    job = stage.app.ref("job")

    async def ten() -> None:
        for n in range(10):
            await job.enqueue(n)

    await ten()
    server.reset()
    await asyncio.gather(*(ten() for _ in range(10)))
    assert server.round_trips() <= 20


@pytest.mark.usefixtures("never_idle")
async def test_batches_are_bounded(redis_url: str, server: Counter) -> None:
    """However many come at once, one call holds a thousand jobs or four megabytes."""
    # A slow machine takes seconds to send them: jobs travel apart when their deadlines differ by a
    # tenth of the patience.
    async with stage_on(redis_url, enqueue_timeout=600.0) as stage:
        job = stage.app.ref("job")
        await job.enqueue("so that the script is known")
        server.reset()
        await asyncio.gather(*(job.enqueue(n) for n in range(2500)))
        assert 3 <= server.round_trips() <= 5  # the first calls may go before there are thousands
        server.reset()
        large = "x" * 900_000
        await asyncio.gather(*(job.enqueue(large) for _ in range(10)))
        await stage.app.enqueue_many(job.prepare(large) for _ in range(10))
        assert 5 <= server.round_trips() <= 7


async def test_idle_apps_send_nothing(stage: Stage, server: Counter) -> None:
    """A producer that has sent its jobs costs nothing more."""
    await stage.app.ref("job").enqueue(1)
    server.reset()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert server.calls("evalsha", "eval", "sadd", "blpop", "ping") == 0
