"""Redis did it, and the worker never heard: nothing is lost and nothing done twice."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from jobqueue import Job, current_job
from jobqueue.domain.executions import Execution
from jobqueue.worker.worker import Worker
from tests.support.keyspace import miscounted
from tests.support.proxy import Proxy, proxy_to
from tests.support.stage import SHORT, Stage, each_once, stage_on
from tests.support.waiting import wait_until


@pytest.fixture
async def broken(redis_url: str, tmp_path: Path) -> AsyncIterator[tuple[Stage, Proxy]]:
    """An app that reaches the server through a proxy; every script is known there."""
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(proxy_to(redis_url, tmp_path))
        stage = await stack.enter_async_context(stage_on(redis_url, way=proxy.url))
        broker = stage.broker
        broker.queue = "other"
        await broker.enqueue("a", "b")
        one, two = await broker.fetch("other")
        await broker.release(one, worker="other")
        await broker.finish(two, worker="other")
        await broker.renew("other")
        await broker.recover("other")
        broker.queue = "default"
        yield stage, proxy


def noting(stage: Stage) -> Job[[int], Any, None]:
    """Declare a job that notes its number and delivery."""

    @stage.app.job()
    async def note(number: int) -> None:
        stage.log.append((number, current_job().delivery))
        await asyncio.sleep(0)

    return note


async def run_all(stage: Stage, n: int) -> list[Execution]:
    """Enqueue jobs and let a worker run them; return every row."""
    note = noting(stage)
    jobs = await stage.app.enqueue_many(note.prepare(number) for number in range(n))
    async with stage.app.worker(concurrency=10):
        await stage.ended(*(job.id for job in jobs))
    rows = await stage.rows()
    each_once(rows)
    return rows


@pytest.mark.parametrize(
    "calls", [["fetch"], ["finish"], ["fetch", "recover"], ["fetch", "finish"]]
)
async def test_an_answer_is_lost(
    broken: tuple[Stage, Proxy], redis_url: str, calls: list[str]
) -> None:
    """After a lost answer each job still runs once and leaves one row, of its first delivery."""
    stage, proxy = broken
    for name in calls:
        proxy.lose_reply(name, 2)
    rows = await run_all(stage, 40)
    assert proxy.lost()
    assert sorted(stage.log) == [(number, 1) for number in range(40)]
    assert {(row.outcome, row.delivery, row.attempt) for row in rows} == {("succeeded", 1, 1)}
    assert miscounted(redis_url) == []


def asked(proxy: Proxy, times: int) -> bool:
    """Say whether so many scripts were asked for."""
    return proxy.seen.total() >= times


async def test_lines_are_cut_all_the_time(broken: tuple[Stage, Proxy], redis_url: str) -> None:
    """Whenever lines are cut, whatever is under way: each job runs once."""
    stage, proxy = broken
    rng = random.Random(3)

    async def cut() -> None:
        while True:
            # After so much traffic, not after a time: a slow machine has to get ahead too.
            enough = proxy.seen.total() + rng.randint(1, 8)
            await wait_until(partial(asked, proxy, enough), description="traffic to cut")
            proxy.cut()

    cutting = asyncio.create_task(cut())
    try:
        rows = await run_all(stage, 200)
    finally:
        cutting.cancel()
    assert sorted(stage.log) == [(number, 1) for number in range(200)]
    assert {row.outcome for row in rows} == {"succeeded"}
    assert miscounted(redis_url) == []


async def test_the_answer_of_a_release_is_lost(broken: tuple[Stage, Proxy], redis_url: str) -> None:
    """A stopping worker repeats its last write until it is answered; the job goes back once."""
    stage, proxy = broken
    async with stage_on(redis_url, way=proxy.url, grace=0.0) as stopping:

        @stopping.app.job()
        async def work() -> None:
            stage.log.append("started")
            await asyncio.Event().wait()

        job = await work.enqueue()
        proxy.lose_reply("release")
        async with stopping.app.worker():
            await stage.logged(1)
    assert proxy.lost()
    assert await stage.outcomes(job.id) == ["released"]
    assert await stage.broker.length("again:2") == 1
    assert miscounted(redis_url) == []


async def waits(worker: Worker) -> None:
    """Wait until a worker's first fetch was answered: that one is not to be lost."""
    await wait_until(lambda: worker._fetcher._sleep is not None, description="a worker that waits")


@pytest.mark.parametrize("word", ["stop", "quiet"])
async def test_a_late_fetch_starts_nothing(
    broken: tuple[Stage, Proxy], redis_url: str, word: str
) -> None:
    """What arrives after the word to stop goes back unstarted: no row, no attempt."""
    stage, proxy = broken
    note = noting(stage)
    async with stage.app.worker() as worker:
        await waits(worker)
        proxy.hold("fetch")
        job = await note.enqueue(1)
        await stage.reaches(job.id, "running")
        getattr(worker, word)()
        proxy.free()
        await stage.reaches(job.id, "ready")
    assert (stage.log, await stage.rows(job.id)) == ([], [])
    assert await stage.broker.length("again:2") == 1
    assert miscounted(redis_url) == []


async def test_a_lost_fetch_before_the_end(broken: tuple[Stage, Proxy], redis_url: str) -> None:
    """A worker that stops hands back also what it never heard of: no crash is counted."""
    stage, proxy = broken
    note = noting(stage)
    async with stage.app.worker() as worker:
        await waits(worker)
        proxy.lose_reply("fetch")
        job = await note.enqueue(1)
        await wait_until(proxy.lost, description="the lost answer")
        worker.stop()
    live = await stage.broker.state(job.id)
    assert (live["state"], live.get("crashes")) == ("ready", None)
    assert await stage.rows(job.id) == []
    assert miscounted(redis_url) == []


async def test_a_line_that_says_nothing(redis_url: str, tmp_path: Path) -> None:
    """A worker gives up waiting for a fetch while the lease still holds: no crash is counted."""
    async with (
        proxy_to(redis_url, tmp_path) as proxy,
        stage_on(redis_url, way=proxy.url, lease=SHORT) as stage,
    ):
        note = noting(stage)
        async with stage.app.worker() as worker:
            await waits(worker)
            proxy.hold("fetch")
            job = await note.enqueue(1)
            await stage.reaches(job.id, "running")
            await stage.ended(job.id)
            proxy.free()
        assert await stage.outcomes(job.id) == ["succeeded"]
    assert stage.log == [(1, 1)]
    assert miscounted(redis_url) == []


async def test_nothing_is_known_for_longer_than_a_lease(redis_url: str, tmp_path: Path) -> None:
    """What a lost fetch delivered stays ours until we hear of it, though we own nothing else."""
    async with (
        proxy_to(redis_url, tmp_path) as proxy,
        stage_on(redis_url, way=proxy.url, lease=SHORT) as stage,
    ):
        note = noting(stage)
        for name in ("fetch", "recover", "renew"):  # the server knows them from here on
            await getattr(stage.broker, name)("other")
        async with stage.app.worker() as worker:
            await waits(worker)
            proxy.hold("fetch")
            proxy.block("recover")
            job = await note.enqueue(1)
            # Three in the life of a lease; and the worker's reclaimer looks all the time.
            await wait_until(lambda: proxy.seen["renew"] >= 6, description="renewals")
            proxy.free()
            await stage.ended(job.id)
        assert await stage.outcomes(job.id) == ["succeeded"]
    assert stage.log == [(1, 1)]
    assert miscounted(redis_url) == []


async def test_redis_can_not_be_reached_for_a_while(broken: tuple[Stage, Proxy]) -> None:
    """Running jobs go on, their outcomes wait, and health says why nothing is fetched."""
    stage, proxy = broken
    release = asyncio.Event()

    @stage.app.job()
    async def work() -> None:
        stage.log.append("started")
        await release.wait()

    job = await work.enqueue()
    async with stage.app.worker() as worker:
        await stage.logged(1)
        proxy.close()
        release.set()
        await wait_until(lambda: worker._fetcher.problem, description="a health problem")
        await wait_until(lambda: not worker._pool.working, description="the end of the handler")
        assert await stage.rows(job.id) == []
        proxy.open()
        [row] = await stage.ended(job.id)
        await wait_until(lambda: not worker._fetcher.problem, description="no health problem")
    assert (row.outcome, row.delivery) == ("succeeded", 1)
    assert stage.log == ["started"]
