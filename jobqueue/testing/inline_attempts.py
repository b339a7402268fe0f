"""The deliveries of a job that runs where it is enqueued: what a script would answer."""

import asyncio
import time

import msgspec

from jobqueue.broker.messages import Delivery
from jobqueue.client.prepared import Prepared
from jobqueue.domain.handlers import Handler
from jobqueue.domain.ids import uuid7
from jobqueue.domain.jobs import State
from jobqueue.worker.clock import monotonic_us
from jobqueue.worker.executor import Executor
from jobqueue.worker.held import Held, Shared
from jobqueue.worker.settlements import Scribe, Written


async def attempt(
    queue: str,
    delivery: Delivery,
    handler: Handler,
    shared: Shared,
    executor: Executor,
    scribe: Scribe,
) -> Written:
    """Run a delivery and return what it came to, as a worker would write it down."""
    held = Held(queue, delivery, handler, _now_us() - monotonic_us(), shared)
    outcome = await executor.run(held)
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError  # the test gave up waiting: no attempt has failed
    return scribe.write(held, outcome)


def first(prepared: Prepared) -> Delivery:
    """Return the first delivery of a job that was just enqueued."""
    job, now_us = prepared.job, _now_us()
    now, stream = now_us // 1000, f"ready:{job.priority}"
    return Delivery(
        job.id, uuid7(now), stream, f"{now}-0", 0, job.name, now, msgspec.Raw(prepared.spec),
        0, 0, 1, 0, 0, now_us,
    )  # fmt: skip


def following(before: Delivery, written: Written) -> Delivery:
    """Return the delivery after one that was not the last."""
    decision = written.decision
    counted = decision.state is State.RETRYING and decision.counted
    return msgspec.structs.replace(
        before,
        token=uuid7(_now_us() // 1000),
        attempts=before.attempts + counted,
        delivery=before.delivery + 1,
        delay_ms=round((decision.delay or 0) * 1000),
        fence=max(before.fence + 1, _now_us()),
    )


def _now_us() -> int:
    return time.time_ns() // 1000
