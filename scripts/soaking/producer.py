"""Enqueues a mix of jobs at a steady rate, waits for some results, cancels some jobs."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from typing import Any

from jobqueue import JobHandle, JobQueueError, Prepared
from scripts.soaking.jobs import (
    add,
    app,
    bounded,
    digest,
    digest_apart,
    endless,
    flaky,
    later,
    linger,
    refresh,
    refuse,
    report,
)

TICK = 0.2  # seconds between two batches
TEXT = "a text of some length " * 20

# Weight, and how to make one.
MIX: dict[Callable[[random.Random], Prepared], int] = {
    lambda r: add.prepare(r.randrange(1000), 1): 30,
    lambda _: digest.prepare(TEXT): 20,
    lambda _: digest_apart.prepare(TEXT): 4,
    lambda _: flaky.prepare(): 8,
    lambda r: refuse.prepare(f"item {r.randrange(100)}"): 2,
    lambda _: linger.prepare(): 1,
    lambda _: later.prepare(): 4,
    lambda _: bounded.prepare(): 10,
    lambda _: report.prepare(3): 5,
    lambda r: add.options(delay=r.uniform(0.5, 5)).prepare(1, 1): 8,
    lambda r: add.options(lock=f"user:{r.randrange(20)}").prepare(1, 2): 6,
    lambda r: add.options(idempotency_key=str(r.getrandbits(64))).prepare(1, 3): 2,
}


class Producer:
    """Everything that a client does, until cancelled.

    Args:
        rate: Jobs a second.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._random = random.Random(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self.jobs = 0

    async def run(self) -> None:
        """Produce until cancelled."""
        loop = asyncio.get_running_loop()
        owed, last = 0.0, loop.time()
        async with app:
            while True:
                await asyncio.sleep(TICK)
                owed, last = owed + (loop.time() - last) * self._rate, loop.time()
                count, owed = int(owed), owed % 1
                await self._produce(count)

    async def _produce(self, count: int) -> None:
        make = self._random.choices(list(MIX), weights=list(MIX.values()), k=count)
        handles = await app.enqueue_many([each(self._random) for each in make])
        self.jobs += count
        if handles and self._random.random() < TICK:  # about once a second each
            self._beside(_wait(handles[0]))
            self._beside(_cancel())
            self._beside(_wait(await refresh.enqueue(self._random.randrange(3))))

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _wait(handle: JobHandle[Any]) -> None:
    """Wait for a result; how the job ended is not what is measured."""
    with contextlib.suppress(JobQueueError):
        await handle.result(timeout=5)


async def _cancel() -> None:
    """Cancel a job that runs, or waits when the workers are busy."""
    job = await endless.enqueue()
    await asyncio.sleep(TICK)
    await app.cancel(job.id)
