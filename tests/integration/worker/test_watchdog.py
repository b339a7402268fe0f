"""A worker that could fetch and does not begins anew, and ends where that does not help."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jobqueue import JobQueueError
from jobqueue.services.running import running
from jobqueue.worker import tokens
from jobqueue.worker.watchdog import LOOKS
from jobqueue.worker.worker import Worker
from tests.support.proxy import Proxy
from tests.support.stage import Stage, each_once, stage_on
from tests.support.waiting import wait_until

PATIENCE = 0.6  # seconds instead of thirty
ANEW = "fetching is stuck; it begins anew"
ENDS = "fetching is stuck; the worker ends"


@pytest.fixture(autouse=True)
def _short_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle worker fetches well within the patience."""
    monkeypatch.setattr(tokens, "BLOCK", 0.1)


@pytest.fixture
async def stage(redis_url: str, proxy: Proxy) -> AsyncIterator[Stage]:
    """An app behind the proxy; ``work`` logs its runs."""
    async with stage_on(redis_url, way=proxy.url, grace=0.5) as stage:

        @stage.app.job()
        async def work(n: int) -> None:
            stage.log.append(n)

        # The server knows the scripts: a first use would be another request.
        async with stage.app.worker():
            await work.enqueue(0)
            await stage.logged(1)
        yield stage


async def impatient(stage: Stage, **options: Any) -> Worker:
    """Return a worker with little patience."""
    worker = await stage.app.services.worker(**options)
    worker._watchdog._patience = PATIENCE
    return worker


async def enqueue(stage: Stage, n: int) -> str:
    """Enqueue a job and return its id."""
    return (await stage.app.ref("work").enqueue(n)).id


async def held(proxy: Proxy) -> None:
    """Let the next fetch wait for its answer."""
    proxy.hold("fetch")
    await wait_until(lambda: proxy.waiting["fetch"], description="an answer waits")


async def test_begins_anew(stage: Stage, proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
    """A connection that swallows every answer is given up long before its request times out."""
    async with running(await impatient(stage)) as worker:
        await held(proxy)
        proxy.strand("fetch")
        job_id = await enqueue(stage, 1)
        await stage.ended(job_id, deadline=8)
        assert caplog.messages.count(ANEW) == 1
        await wait_until(lambda: not worker.health().unready, description="it is well again")
    assert stage.log == [0, 1]
    assert ENDS not in caplog.messages


async def test_what_was_delivered_unseen(stage: Stage, proxy: Proxy) -> None:
    """Jobs in an answer that was swallowed run once, when the worker has begun anew."""
    proxy.hold("fetch")
    ids = [await enqueue(stage, n) for n in range(1, 21)]
    async with running(await impatient(stage)):
        await wait_until(lambda: proxy.waiting["fetch"], description="an answer waits")
        assert await stage.state(ids[0]) == "running"
        proxy.strand("fetch")
        await stage.ended(*ids, deadline=8)
    each_once(await stage.rows())
    assert sorted(stage.log) == list(range(21))


async def test_ends_where_that_does_not_help(
    stage: Stage, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker that can't fetch ends with an error, after its running jobs had their grace."""
    began, go = asyncio.Event(), asyncio.Event()

    @stage.app.job()
    async def last() -> None:
        began.set()
        await go.wait()

    worker = await impatient(stage)
    task = asyncio.create_task(worker.run())
    job = await last.enqueue()
    await began.wait()
    await held(proxy)
    await wait_until(lambda: worker.health().unready, description="it says that it is stuck")
    assert "no fetch has succeeded for 0.6 s though Redis answers" in str(worker.health().unready)
    go.set()
    with pytest.raises(JobQueueError, match=r"though Redis answers; new connections did not help"):
        await task
    proxy.free()
    assert [caplog.messages.count(each) for each in (ANEW, ENDS)] == [1, 1]
    assert await stage.outcomes(job.id) == ["succeeded"]


async def test_a_refusal_that_stays(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Where Redis answers, and refuses each fetch, the error says what it refuses."""
    await stage.broker.redis("SET", stage.broker.key("again:0"), "no stream")
    worker = await impatient(stage)
    with pytest.raises(JobQueueError, match=r"though Redis answers \(Redis refused: .*WRONGTYPE"):
        await worker.run()
    await stage.broker.redis("DEL", stage.broker.key("again:0"))
    assert caplog.messages.count(ANEW) == 1


async def watched(worker: Worker, patiences: int = 4) -> None:
    """Let the watchdog look on as long as it needs to worry, several times over."""
    dog, looks = worker._watchdog, 0

    async def counted() -> float:
        nonlocal looks
        looks += 1
        return await type(dog)._step(dog)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dog, "_step", counted)
        await wait_until(lambda: looks > patiences * LOOKS, description="it has looked")


async def test_redis_is_away(stage: Stage, proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever time Redis is away, the worker waits; afterwards it works as before."""
    async with running(await impatient(stage)) as worker:
        proxy.close()
        await wait_until(lambda: "fetch failed" in caplog.messages, description="it was noticed")
        await watched(worker)
        assert ANEW not in caplog.messages
        proxy.open()
        await stage.ended(await enqueue(stage, 1))


async def test_no_slot_is_free(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """A full worker does not fetch, and need not."""
    go = asyncio.Event()

    @stage.app.job()
    async def long() -> None:
        stage.log.append("long")
        await go.wait()

    async with running(await impatient(stage, concurrency=1)) as worker:
        job = await long.enqueue()
        await stage.logged(2)
        await watched(worker)
        go.set()
        await job.result(30)
    assert ANEW not in caplog.messages


async def test_quiet(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """A worker that was told to take nothing takes nothing."""
    async with running(await impatient(stage)) as worker:
        worker.quiet()
        await watched(worker)
        assert worker.health().unready == ["the worker was told to take no more jobs"]
    assert ANEW not in caplog.messages


async def test_idle(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """An idle worker fetches now and then: that is enough."""
    async with running(await impatient(stage)) as worker:
        await watched(worker)
        assert worker.health().reasons("readyz") == []
    assert ANEW not in caplog.messages


async def test_a_blocked_loop_is_another_matter(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """Time in which the loop did not turn is not time without a fetch."""
    async with running(await impatient(stage)):
        await stage.logged(1)
        for _ in range(3):
            threading.Event().wait(2 * PATIENCE)  # the loop does not turn
            await asyncio.sleep(0)
        await stage.ended(await enqueue(stage, 1))
    assert ANEW not in caplog.messages
