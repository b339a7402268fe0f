"""One client for all event loops and threads of a process."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import closing
from typing import Any

from jobqueue.broker.messages import Watched
from jobqueue.client.batches import error_of_answer
from jobqueue.client.blocking import refuse_loop
from jobqueue.client.bulk import listed, send_all, send_all_sync
from jobqueue.client.changing import cancelled
from jobqueue.client.handle import Answer, JobHandle, Status, Wanted
from jobqueue.client.loops import Loops
from jobqueue.client.outcomes import GONE, value
from jobqueue.client.prepared import Prepared
from jobqueue.client.sync import SyncClient
from jobqueue.client.wire import Wire
from jobqueue.domain.errors import ResultGone
from jobqueue.domain.jobs import State
from jobqueue.domain.partitions import queue_of

# Looks a finished job up in the history, by queue and id; None when it is not there either.
Archive = Callable[[str, str], Awaitable[Watched | None]]


class Client:
    """Sends jobs and waits for results.

    Args:
        wire: Where Redis is, and how to talk to it.
        archive: Asks the history for jobs that have left Redis.
    """

    def __init__(self, wire: Wire, archive: Archive) -> None:
        self._wire = wire
        self._archive = archive
        self._loops = Loops(wire)
        self._sync = SyncClient(wire)

    async def enqueue(self, prepared: Prepared) -> JobHandle[Any]:
        """Send one job.

        Raises:
            JobExists: A job with this id is there already.
            DuplicateJob: Another job has its unique key.
            IdempotencyConflict: Its idempotency key belongs to other arguments.
            QueueFull: As many jobs wait as the queue takes.
            NotReplicated: It is stored, and not in as many replicas as it asks for.
            EnqueueUncertain: Redis took the call and never answered.
            BrokerUnavailable: Redis can't be reached; nothing was stored.
        """
        answer = await self._loops.here().dispatch.one(prepared)
        return self._handle(prepared, answer, strict=True)

    async def enqueue_many(self, jobs: Iterable[Prepared]) -> list[JobHandle[Any]]:
        """Send many jobs; the handles come in their order, each with its status."""
        dispatch = self._loops.here().dispatch
        await dispatch.check(listed(jobs))
        answered = await send_all(jobs, dispatch.many)
        return [self._handle(prepared, answer) for prepared, answer in answered]

    def enqueue_sync(self, prepared: Prepared) -> JobHandle[Any]:
        """Send one job from a program without an event loop."""
        refuse_loop("enqueue_sync", "await enqueue(...)")
        answer = self._sync.one(prepared)
        return self._handle(prepared, answer, strict=True)

    def enqueue_many_sync(self, jobs: Iterable[Prepared]) -> list[JobHandle[Any]]:
        """Send many jobs from a program without an event loop."""
        refuse_loop("enqueue_many_sync", "await enqueue_many(...)")
        self._sync.check(listed(jobs))
        answered = send_all_sync(jobs, self._sync.many)
        return [self._handle(prepared, answer) for prepared, answer in answered]

    def _handle(
        self, prepared: Prepared, answer: Answer, *, strict: bool = False
    ) -> JobHandle[Any]:
        if strict and (error := error_of_answer(prepared, answer)) is not None:
            raise error
        # Where an equal job was there, its handle is what the caller wants.
        duplicate = answer.other if answer.status is Status.DUPLICATE else None
        return JobHandle(duplicate or prepared.job.id, answer, self, prepared.returns)

    async def result(self, wanted: Wanted) -> object:
        """Wait for a job; see :meth:`JobHandle.result`."""
        found = await self._loops.here().inbox(wanted.queue).wait(wanted)
        if found.state == GONE:
            found = await self._archived(wanted.queue, wanted.job_id)
        return value(found, wanted.returns)

    def result_sync(self, wanted: Wanted) -> object:
        """Wait for a job in this thread; see :meth:`JobHandle.result`."""
        refuse_loop("result_sync", "await job.result(...)")
        found = self._sync.wait(wanted)
        if found.state == GONE:
            found = asyncio.run(self._archived(wanted.queue, wanted.job_id))
        return value(found, wanted.returns)

    async def cancel(self, queue: str, job_id: str, reason: str) -> State:
        """Cancel a job; see :meth:`JobHandle.cancel`."""
        async with self._wire.server.lane() as lane:
            before = await lane.call(self._wire.calls.cancel(queue, job_id, reason))
        return cancelled(job_id, before or await self._ended(queue, job_id))

    def cancel_sync(self, queue: str, job_id: str, reason: str) -> State:
        """Cancel a job in this thread; see :meth:`JobHandle.cancel`."""
        refuse_loop("cancel_sync", "await job.cancel()")
        with closing(self._wire.server.sync_lane()) as lane:
            before = lane.call(self._wire.calls.cancel(queue, job_id, reason))
        return cancelled(job_id, before or asyncio.run(self._ended(queue, job_id)))

    async def _ended(self, queue: str, job_id: str) -> str:
        """Return how a job ended that has left Redis; nothing when the history knows nothing."""
        found = await self._archive(queue_of(queue), job_id)
        return "" if found is None else found.state

    async def _archived(self, queue: str, job_id: str) -> Watched:
        found = await self._archive(queue_of(queue), job_id)
        if found is None:
            raise ResultGone(job_id)
        return found

    async def close(self) -> None:
        """Close the connections of this event loop and the blocking ones."""
        await self._loops.close()
        self._sync.close()

    def close_sync(self) -> None:
        """Close the blocking connections."""
        self._sync.close()

    def close_stopped(self) -> None:
        """Close the connections of every event loop that stands still, and the blocking ones.

        For the end of a test, which may have left its loop open for us.
        """
        self._loops.close_stopped()
        self._sync.close()
