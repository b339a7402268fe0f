"""How many jobs run at once, whatever their handlers do."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jobqueue.broker.calls import Calls
from jobqueue.worker.worker import Worker
from tests.support.stage import Stage, stage_on
from tests.support.waiting import wait_until


class Gauge:
    """Counts who is inside, from any thread, and the most there ever were."""

    def __init__(self) -> None:
        self.now = self.most = self.entries = 0
        self._lock = threading.Lock()

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Be counted."""
        with self._lock:
            self.now += 1
            self.entries += 1
            self.most = max(self.most, self.now)
        try:
            yield
        finally:
            with self._lock:
                self.now -= 1


@pytest.mark.parametrize("slots", [1, 3, 10])
async def test_slots_are_never_exceeded(stage: Stage, slots: int) -> None:
    """No more jobs run at once than the worker has slots, and all slots are used."""
    gauge, full = Gauge(), asyncio.Event()

    @stage.app.job()
    async def on_loop() -> None:
        with gauge.inside():
            if gauge.now == slots:
                full.set()
            await full.wait()
            await asyncio.sleep(0)

    @stage.app.job()
    def in_thread() -> None:
        with gauge.inside():
            pass

    await stage.app.enqueue_many(on_loop.prepare() for _ in range(60))
    await stage.app.enqueue_many(in_thread.prepare() for _ in range(60))
    async with stage.app.worker(concurrency=slots):
        await wait_until(lambda: gauge.entries == 120, description="120 runs")
    assert gauge.most == slots


async def test_a_timeout_frees_no_slot_before_the_handler_ends(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """A job that timed out and still runs, on the loop or in a thread, counts as running."""
    gauge, hold, thread_hold = Gauge(), asyncio.Event(), threading.Event()

    @stage.app.job(timeout=0.05, retry=0)
    async def deaf() -> None:
        with gauge.inside():
            while not hold.is_set():
                try:
                    await hold.wait()
                except asyncio.CancelledError:
                    stage.log.append("told")

    @stage.app.job(timeout=0.05, retry=0)
    def thread() -> None:
        with gauge.inside():
            thread_hold.wait()

    jobs = [await deaf.enqueue() for _ in range(2)] + [await thread.enqueue() for _ in range(2)]
    async with stage.app.worker(concurrency=2) as worker:
        try:
            await stage.logged(2)
            assert (gauge.now, free(worker)) == (2, 0)
        finally:
            hold.set()
        await wait_until(
            lambda: caplog.messages.count("thread runs past its timeout") == 2,
            description="both threads past their timeouts",
        )
        assert (gauge.now, free(worker)) == (2, 0)
        thread_hold.set()
        rows = await stage.ended(*(job.id for job in jobs))
    assert {row.outcome for row in rows} == {"timed_out"}
    assert gauge.most == 2


def asynchronous(stage: Stage) -> None:
    """Declare an async job too: else the worker takes no more jobs than it has threads."""

    @stage.app.job()
    async def other() -> None:
        pass


async def test_no_more_than_threads_are_taken(redis_url: str) -> None:
    """A queue whose handlers all need a thread leaves to others what could not start here."""
    release = threading.Event()
    async with stage_on(redis_url, threads=2) as stage:

        @stage.app.job()
        def work() -> None:
            release.wait()

        jobs = await stage.app.enqueue_many(work.prepare() for _ in range(6))
        async with stage.app.worker(concurrency=6) as first, stage.app.worker(concurrency=6) as two:
            await wait_until(lambda: free(first) == free(two) == 4, description="two each")
            release.set()
            await stage.ended(*(job.id for job in jobs))


def free(worker: Worker) -> int:
    """Return the free slots of a worker."""
    return worker._pool.free


async def test_threads_are_never_exceeded(redis_url: str) -> None:
    """Plain functions use at most as many threads as the settings say."""
    gauge, release = Gauge(), threading.Event()
    async with stage_on(redis_url, threads=3) as stage:
        asynchronous(stage)

        @stage.app.job()
        def work() -> None:
            with gauge.inside():
                release.wait()

        jobs = await stage.app.enqueue_many(work.prepare() for _ in range(12))
        async with stage.app.worker(concurrency=12) as worker:
            await wait_until(lambda: gauge.now == 3 and free(worker) == 0, description="full")
            release.set()
            await stage.ended(*(job.id for job in jobs))
    assert gauge.most == 3


async def test_waiting_for_a_thread_is_no_part_of_a_run(redis_url: str) -> None:
    """A job that waits for a thread has not started: its timeout and run time begin later."""
    release = threading.Event()
    async with stage_on(redis_url, threads=1) as stage:
        asynchronous(stage)

        @stage.app.job()
        def first() -> None:
            release.wait()

        @stage.app.job(timeout=2, retry=0)
        def second() -> None:
            pass

        one, two = await first.enqueue(), await second.enqueue()
        async with stage.app.worker(concurrency=2) as worker:
            await wait_until(lambda: free(worker) == 0, description="both jobs taken")
            asyncio.get_running_loop().call_later(2.2, release.set)
            rows = await stage.ended(one.id, two.id)
    assert [row.outcome for row in rows] == ["succeeded", "succeeded"]
    assert rows[1].started_us - rows[1].ready_ms * 1000 > 2_000_000


async def test_a_recovery_beyond_the_slots_is_handed_back(stage: Stage) -> None:
    """When Redis says that a worker owns more than it has slots for, it keeps to its slots."""
    gauge, release = Gauge(), asyncio.Event()

    @stage.app.job()
    async def work() -> None:
        with gauge.inside():
            await release.wait()

    jobs = await stage.app.enqueue_many(work.prepare() for _ in range(5))
    async with stage.app.worker(concurrency=2) as worker:
        await wait_until(lambda: gauge.now == 2, description="two running")
        # What a failover leaves behind that has forgotten what was settled.
        calls, limits = Calls(stage.broker.keys), worker._fetcher._requests._limits
        call = calls.fetch("default", worker.id, 1_000_000, 3, limits, alone=False)
        assert len((await stage.broker.run(call)).deliveries) == 3
        worker._fetcher._requests._numbers["default"] = 1_000_000
        worker._fetcher.doubt("default")
        await wait_until(
            lambda: stage.broker.length("again:2"), description="the surplus handed back"
        )
        release.set()
        rows = await stage.ended(*(job.id for job in jobs))
    assert gauge.most == 2
    assert {row.outcome for row in await stage.rows()} == {"succeeded"}
    assert sorted(row.delivery for row in rows) == [1, 1, 2, 2, 2]
