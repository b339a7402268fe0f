"""How an idle worker hears of a job, and what waiting costs."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import Monitor

from jobqueue.worker.worker import Worker
from tests.support.stage import Stage, noting
from tests.support.waiting import wait_until

from .conftest import SOON


@asynccontextmanager
async def idle(stage: Stage, n: int, concurrency: int = 4) -> AsyncIterator[list[Worker]]:
    """Give ``n`` workers that wait for a token."""
    async with AsyncExitStack() as stack:
        workers = [
            await stack.enter_async_context(stage.app.worker(concurrency=concurrency))
            for _ in range(n)
        ]
        await waiting(stage, n)
        yield workers


async def waiting(stage: Stage, n: int, *, others: int = 0) -> None:
    """Wait until ``n`` workers wait for a token, and ``others`` don't."""

    async def blocked() -> bool:
        info = await stage.broker.redis("INFO", "clients")
        text = info.decode() if isinstance(info, bytes) else str(info)
        # Each listens for cancellations too, with another blocking read.
        return f"blocked_clients:{2 * n + others}\r\n" in text

    await wait_until(blocked, description=f"{n} idle workers")


@pytest.mark.usefixtures("patient")
async def test_an_idle_worker_starts_at_once(stage: Stage) -> None:
    """A token wakes an idle worker; it does not wait for its blocking read to end."""
    note = noting(stage)
    async with idle(stage, 1):
        for number in range(20):
            await note.enqueue(number)
            await stage.logged(number + 1, deadline=SOON)


async def test_waiting_costs_next_to_nothing(stage: Stage, redis_url: str) -> None:
    """An idle worker sends at most two commands a second."""
    note, sent = noting(stage), Counter[str]()

    async def listen(monitor: Monitor) -> None:
        async for command in monitor.listen():
            name = command["command"].partition(" ")[0]
            # What a script calls is not sent, and its whole text only once for each server.
            if command["client_type"] != "lua" and name != "EVAL":
                sent[name] += 1

    async with stage.app.worker() as worker:
        await note.enqueue(1)
        await stage.logged(1)
        await waiting(stage, 1)
        async with Redis.from_url(redis_url) as client, client.monitor() as monitor:
            began = monotonic()
            listening = asyncio.create_task(listen(monitor))
            looks = worker._fetcher._requests._numbers["default"] + 3
            await wait_until(
                lambda: worker._fetcher._requests._numbers["default"] >= looks,
                description="three more looks by the worker",
            )
            seconds = monotonic() - began
            listening.cancel()
            await asyncio.wait({listening})
    assert 0 < sent.total() <= 2 * seconds, sent


@pytest.mark.usefixtures("patient")
async def test_one_token_wakes_one_worker(stage: Stage) -> None:
    """Of ten idle workers one looks for the one job."""
    note = noting(stage)
    async with idle(stage, 10) as workers:
        before = [worker._fetcher._requests._numbers["default"] for worker in workers]
        await note.enqueue(1)
        await stage.logged(1, deadline=SOON)
        await waiting(stage, 10)
        after = [worker._fetcher._requests._numbers["default"] for worker in workers]
    assert sum(after) - sum(before) == 1


@pytest.mark.usefixtures("patient")
async def test_many_jobs_wake_many_workers(stage: Stage) -> None:
    """A fetch that leaves ready jobs passes the token on, until every slot is used."""
    release = asyncio.Event()

    @stage.app.job()
    async def work(number: int) -> None:
        stage.log.append(number)
        await release.wait()

    async with idle(stage, 10, concurrency=2):
        await stage.app.enqueue_many(work.prepare(number) for number in range(25))
        await stage.logged(20, deadline=SOON)
        release.set()
        await stage.logged(25, deadline=SOON)


@pytest.mark.usefixtures("patient")
async def test_a_token_and_its_jobs_are_one_request(stage: Stage) -> None:
    """Redis runs the fetch of an idle worker as soon as there is a job: nobody asks once more."""
    note = noting(stage)
    async with idle(stage, 1) as [worker]:
        fetcher = worker._fetcher
        before = fetcher.fetches
        for number in range(20):
            await note.enqueue(number)
            await stage.logged(number + 1, deadline=SOON)
            await waiting(stage, 1)
        assert fetcher.fetches == before + 20
        assert fetcher._tokens._read is None


@pytest.mark.usefixtures("patient")
async def test_a_server_that_has_forgotten_the_fetch(stage: Stage) -> None:
    """A script that Redis does not know when the token comes is sent again, as a text."""
    note = noting(stage)
    async with idle(stage, 1):
        for number in range(3):
            await stage.broker.redis("SCRIPT", "FLUSH")
            await note.enqueue(number)
            await stage.logged(number + 1, deadline=SOON)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("word", ["stop", "quiet"])
async def test_a_worker_that_leaves_takes_no_token_with_it(stage: Stage, word: str) -> None:
    """Whoever stops at the moment a job comes leaves the job to the others, and owns nothing."""
    note, rng = noting(stage), random.Random(5)
    async with idle(stage, 1):
        for number in range(20):
            async with stage.app.worker() as leaving:
                await waiting(stage, 2)
                loop = asyncio.get_running_loop()
                loop.call_later(rng.uniform(0, 0.003), getattr(leaving, word))
                await note.enqueue(number)
                await stage.logged(number + 1, deadline=SOON)


@pytest.mark.usefixtures("patient")
async def test_a_quiet_worker_takes_nothing(stage: Stage) -> None:
    """A quiet worker gives its token back, finishes what it runs and starts nothing."""
    release = asyncio.Event()

    @stage.app.job()
    async def long() -> str:
        stage.log.append("long")
        await release.wait()
        return "done"

    note = noting(stage)
    async with idle(stage, 1) as [quiet]:
        job = await long.enqueue()
        await stage.logged(1, deadline=SOON)
        await waiting(stage, 1)
        quiet.quiet()
        await note.enqueue(1)
        await wait_until(stage.broker.token, description="the token given back")
        assert stage.log == ["long"]
        async with stage.app.worker():
            await stage.logged(2, deadline=SOON)
        release.set()
        assert await job.result(timeout=SOON) == "done"
        late = await note.enqueue(2)
        assert await stage.state(late.id) == "ready"
    assert stage.log == ["long", 1]


@pytest.mark.usefixtures("patient")
async def test_a_full_worker_leaves_the_token_to_others(stage: Stage) -> None:
    """A worker without a free slot does not wait for tokens; a slot that gets free needs none."""
    release = asyncio.Event()

    @stage.app.job()
    async def work(number: int) -> None:
        stage.log.append(number)
        await release.wait()

    async with idle(stage, 2, concurrency=1):
        for number in range(2):
            await work.enqueue(number)
            await stage.logged(number + 1, deadline=SOON)
        await waiting(stage, 0, others=2)
        await stage.app.enqueue_many(work.prepare(number) for number in range(2, 10))
        release.set()
        await stage.logged(10, deadline=SOON)


async def test_a_worker_that_runs_something_is_handed_nothing_unseen(stage: Stage) -> None:
    """While a handler may block the loop, Redis hands out no job before the worker asks for it."""
    release = asyncio.Event()

    @stage.app.job()
    async def long() -> None:
        stage.log.append("long")
        await release.wait()

    async with stage.app.worker(concurrency=4) as worker:
        await long.enqueue()
        await stage.logged(1)
        tokens_of = worker._fetcher._tokens
        await wait_until(lambda: tokens_of.reading, description="a read that takes a token alone")
        release.set()
