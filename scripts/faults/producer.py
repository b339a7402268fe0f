"""The producer's process: enqueues the planned jobs and writes down what it was told.

Notes are on disk before and after every call: a job that was tried and has no answer, since
the producer was killed, may be there or not. One that comes after a killed producer goes
on with the numbers that were not tried yet.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any

from jobqueue import BrokerUnavailable, EnqueueUncertain, JobHandle, JobQueueError, Prepared
from scripts.faults import jobs, notes
from scripts.faults.app import app
from scripts.faults.plan import Planned, planned

PATH, SEED, COUNT, SECONDS, BEGAN = (
    f"FAULTS_{name}" for name in ("PRODUCED", "SEED", "JOBS", "SECONDS", "BEGAN")
)
MOST = 400  # jobs in one call
LOOK = 0.1  # seconds between two calls
SINGLY = 10  # every so many calls, jobs are sent one by one
NAMES = ("critical", "high", "normal", "low")

Handles = Sequence[JobHandle[Any]]


def prepared(plan: Planned) -> Prepared:
    """Return the job of a plan, ready to send."""
    options: dict[str, Any] = {"queue": plan.queue, "priority": NAMES[plan.priority]}
    if plan.delay:
        options["delay"] = plan.delay
    if plan.kind == "locked":
        options["lock"] = plan.key
    if plan.kind == "expiring":
        options["expires"] = 1.0
    arguments = [plan.number, plan.key] if plan.key else [plan.number]
    job: Prepared = getattr(jobs, plan.kind).options(**options).prepare(*arguments)
    return job


class Producer:
    """Enqueues jobs at an even rate.

    Args:
        path: Where the notes go.
        seed: Which jobs they are.
    """

    def __init__(self, path: Path, seed: int) -> None:
        tried = [
            number for what, _, *rest in notes.read(path) if what == "try" for _, number in rest[0]
        ]
        self.next = max(tried, default=-1) + 1
        self._pen = notes.Pen(path, durable=True)
        self._seed = seed
        self._cancelling: set[asyncio.Task[None]] = set()

    async def run(self, count: int, seconds: float, began: float) -> None:
        """Enqueue all jobs up to number ``count``, evenly over the seconds after ``began``."""
        calls = 0
        while self.next < count:
            due = min(count, int(count * (time.monotonic() - began) / seconds) + 1)
            plans = [planned(self._seed, n) for n in range(self.next, min(due, self.next + MOST))]
            calls += 1
            by_queue = [[p for p in plans if p.queue == name] for name in {p.queue for p in plans}]
            await asyncio.gather(
                *(self._send(group, singly=calls % SINGLY == 0) for group in by_queue)
            )
            self.next += len(plans)
            if self.next >= due:
                await asyncio.sleep(LOOK)
        await asyncio.gather(*self._cancelling)

    async def _send(self, plans: list[Planned], *, singly: bool) -> None:
        sending = [prepared(plan) for plan in plans]
        self._pen.write(
            "try", [[p.job.id, plan.number] for p, plan in zip(sending, plans, strict=True)]
        )
        if singly:
            await asyncio.gather(*(self._answered(_one(p), [p]) for p in sending))
        else:
            await self._answered(app.enqueue_many(sending), sending)
        for job, plan in zip(sending, plans, strict=True):
            if plan.kind == "cancelled":
                task = asyncio.create_task(self._cancel(job))
                self._cancelling.add(task)

    async def _answered(self, call: Awaitable[Handles], sent: list[Prepared]) -> None:
        ids = [each.job.id for each in sent]
        try:
            handles = await call
        except EnqueueUncertain:
            self._pen.write("uncertain", ids)
        except BrokerUnavailable:
            self._pen.write("refused", ids)
        else:
            self._pen.write("done", [[i, h.status] for i, h in zip(ids, handles, strict=True)])

    async def _cancel(self, job: Prepared) -> None:
        """Cancel a job; where Redis does not answer, its fate is as uncertain as the answer."""
        with contextlib.suppress(JobQueueError):
            state = await app.cancel(job.job.id, queue=job.queue)
            self._pen.write("cancel", job.job.id, state)


async def _one(job: Prepared) -> Handles:
    return [await app.client.enqueue(job)]


async def main() -> None:
    """Be the producer that the environment describes."""
    env = os.environ
    async with app:
        producer = Producer(Path(env[PATH]), int(env[SEED]))
        await producer.run(int(env[COUNT]), float(env[SECONDS]), float(env[BEGAN]))


if __name__ == "__main__":
    asyncio.run(main())
