"""One client for all event loops and threads of a process."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

from jobqueue.broker.calls import Calls
from jobqueue.broker.messages import Watched
from jobqueue.broker.servers import Server
from jobqueue.broker.splits import Splits
from jobqueue.client.batches import batches, error_of_answer
from jobqueue.client.blocking import refuse_loop
from jobqueue.client.control import cancelled
from jobqueue.client.dispatch import Dispatch
from jobqueue.client.handle import Answer, JobHandle, Status, Watcher
from jobqueue.client.inbox import Inbox
from jobqueue.client.outcomes import GONE, value
from jobqueue.client.parts import check, parts_of, place_of
from jobqueue.client.prepared import Prepared
from jobqueue.client.sync import SyncClient
from jobqueue.domain.errors import InvalidJob, JobQueueError, ResultGone
from jobqueue.domain.jobs import State
from jobqueue.domain.partitions import queue_of
from jobqueue.domain.replication import Replication
from jobqueue.domain.suggest import shown

# Looks a finished job up in the history, by queue and id; None when it is not there either.
Archive = Callable[[str, str], Awaitable[Watched | None]]


class _OnLoop:
    """What belongs to one event loop: connections can't be shared between loops."""

    def __init__(
        self,
        server: Server,
        calls: Calls,
        splits: Splits,
        patience: float,
        replication: Replication,
    ) -> None:
        self.dispatch = Dispatch(server, calls, splits, patience, replication)
        self.inboxes: dict[str, Inbox] = {}
        self._end = self._until_the_end()
        with contextlib.suppress(StopIteration):  # it has no await in front of its yield
            anext(self._end).send(None)

    async def close(self) -> None:
        """Close every connection of this loop."""
        await self._end.aclose()

    async def _until_the_end(self) -> AsyncGenerator[None, None]:
        """Close with the loop, if nobody does before: it ends open generators when it ends."""
        try:
            yield
        finally:
            await self.dispatch.close()
            for inbox in self.inboxes.values():
                await inbox.close()


class Client:
    """Sends jobs and waits for results.

    Args:
        server: Where Redis is.
        calls: Makes the calls.
        splits: Says where the jobs of a queue go.
        patience: Seconds to go on trying when Redis does not answer.
        replication: What jobs wait for that ask for replicas.
        archive: Asks the history for jobs that have left Redis.
    """

    def __init__(
        self,
        server: Server,
        calls: Calls,
        splits: Splits,
        patience: float,
        replication: Replication,
        archive: Archive,
    ) -> None:
        self._server = server
        self._calls = calls
        self._splits = splits
        self._patience = patience
        self._archive = archive
        self._loops: dict[asyncio.AbstractEventLoop, _OnLoop] = {}
        self._replication = replication
        self._sync = SyncClient(server, calls, self._splits, patience, replication)

    def _here(self) -> _OnLoop:
        loop = asyncio.get_running_loop()
        here = self._loops.get(loop)
        if here is None:
            self._forget_ended()
            here = self._loops[loop] = _OnLoop(
                self._server, self._calls, self._splits, self._patience, self._replication
            )
        return here

    def _forget_ended(self) -> None:
        """Forget loops that have ended, and closed their connections then."""
        for loop in list(self._loops):
            if loop.is_closed():
                self._loops.pop(loop, None)

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
        answer = await self._here().dispatch.one(prepared)
        return self._handle(prepared, answer, strict=True)

    async def enqueue_many(self, jobs: Iterable[Prepared]) -> list[JobHandle[Any]]:
        """Send many jobs; the handles come in their order, each with its status.

        A batch is under way while the iterable makes the next one.
        """
        dispatch, prepared = self._here().dispatch, list[Prepared]()
        found: dict[int, Answer] = {}
        sending: deque[tuple[list[int], asyncio.Task[list[Answer]]]] = deque()
        if isinstance(jobs, Sequence):
            for queue in _queues(jobs):
                await dispatch.learn(queue)
            check(jobs, self._splits)
        try:
            for places in batches(_noted(jobs, prepared)):
                batch = [prepared[i] for i in places]
                sending.append((places, asyncio.create_task(dispatch.many(batch))))
                await asyncio.sleep(0)  # it is sent now, and others may run
                if len(sending) > 1:
                    found.update(await _answered(sending))
            while sending:
                found.update(await _answered(sending))
        finally:
            # Whatever went wrong, nothing of ours is on its way when the caller hears of it.
            await asyncio.gather(*(task for _, task in sending), return_exceptions=True)
        return [self._handle(job, found[i]) for i, job in enumerate(prepared)]

    def enqueue_sync(self, prepared: Prepared) -> JobHandle[Any]:
        """Send one job from a program without an event loop."""
        refuse_loop("enqueue_sync", "await enqueue(...)")
        [answer] = self._send_sync([prepared])
        return self._handle(prepared, answer, strict=True)

    def enqueue_many_sync(self, jobs: Iterable[Prepared]) -> list[JobHandle[Any]]:
        """Send many jobs from a program without an event loop."""
        refuse_loop("enqueue_many_sync", "await enqueue_many(...)")
        prepared: list[Prepared] = []
        found: dict[int, Answer] = {}
        if isinstance(jobs, Sequence):
            for queue in _queues(jobs):
                self._learn_sync(queue)
            check(jobs, self._splits)
        for places in batches(_noted(jobs, prepared)):
            answers = self._send_sync([prepared[i] for i in places])
            found.update(zip(places, answers, strict=True))
        return [self._handle(job, found[i]) for i, job in enumerate(prepared)]

    def _learn_sync(self, queue: str) -> None:
        if not self._splits.knows(queue):
            self._sync.enqueue(queue, ())

    def _send_sync(self, batch: Sequence[Prepared]) -> list[Answer]:
        """Send jobs of one queue; raise what went wrong first, if anything."""
        self._learn_sync(batch[0].queue)
        check(batch, self._splits)
        deadline, problems = time.monotonic() + self._patience, list[JobQueueError]()
        found: dict[int, Answer] = {}
        for place, places in parts_of(batch, self._splits).items():
            try:
                answers = self._sync.enqueue(place, [batch[i] for i in places], deadline)
                found.update(zip(places, answers, strict=True))
            except JobQueueError as error:
                problems.append(error)
        if problems:
            raise problems[0]
        return [found[i] for i in range(len(batch))]

    def _handle(
        self, prepared: Prepared, answer: Answer, *, strict: bool = False
    ) -> JobHandle[Any]:
        if strict and (error := error_of_answer(prepared, answer)) is not None:
            raise error
        # Where an equal job was there, its handle is what the caller wants.
        duplicate = answer.other if answer.status is Status.DUPLICATE else None
        place = place_of(prepared, self._splits)
        return JobHandle(duplicate or prepared.job.id, place, answer, self, prepared.returns)

    async def result(
        self,
        queue: str,
        job_id: str,
        timeout: float | None,
        returns: object,
        watcher: Watcher | None,
    ) -> object:
        """Wait for a job; see :meth:`JobHandle.result`."""
        here = self._here()
        if queue not in here.inboxes:
            here.inboxes[queue] = Inbox(self._server, self._calls, queue, self._patience)
        found = await here.inboxes[queue].wait(job_id, timeout, watcher)
        return value(await self._archived(queue, job_id) if found.state == GONE else found, returns)

    def result_sync(
        self,
        queue: str,
        job_id: str,
        timeout: float | None,
        returns: object,
        watcher: Watcher | None,
    ) -> object:
        """Wait for a job in this thread; see :meth:`JobHandle.result`."""
        refuse_loop("result_sync", "await job.result(...)")
        found = self._sync.wait(queue, job_id, timeout, watcher)
        if found.state == GONE:
            found = asyncio.run(self._archived(queue, job_id))
        return value(found, returns)

    async def cancel(self, queue: str, job_id: str, reason: str) -> State:
        """Cancel a job; see :meth:`JobHandle.cancel`."""
        async with self._server.lane() as lane:
            before = await lane.call(self._calls.cancel(queue, job_id, reason))
        return cancelled(job_id, before or await self._ended(queue, job_id))

    def cancel_sync(self, queue: str, job_id: str, reason: str) -> State:
        """Cancel a job in this thread; see :meth:`JobHandle.cancel`."""
        refuse_loop("cancel_sync", "await job.cancel()")
        with closing(self._server.sync_lane()) as lane:
            before = lane.call(self._calls.cancel(queue, job_id, reason))
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
        self._forget_ended()
        here = self._loops.pop(asyncio.get_running_loop(), None)
        if here is not None:
            await here.close()
        self._sync.close()

    def close_sync(self) -> None:
        """Close the blocking connections."""
        self._sync.close()

    def close_stopped(self) -> None:
        """Close the connections of every event loop that stands still, and the blocking ones.

        For the end of a test, which may have left its loop open for us.
        """
        self._forget_ended()
        for loop in list(self._loops):
            if not loop.is_running():
                loop.run_until_complete(self.close())
        self._sync.close()


def _queues(jobs: Sequence[Prepared]) -> set[str]:
    """Return the queues of jobs that can be looked at before any is sent."""
    for place, job in enumerate(jobs):
        _refuse_other(job, place)
    return {job.queue for job in jobs}


def _noted(jobs: Iterable[Prepared], into: list[Prepared]) -> Iterator[Prepared]:
    if hasattr(jobs, "__aiter__"):
        problem = "an async generator can't be sent; collect it: [job async for job in ...]"
        raise InvalidJob("jobs", problem)
    if not isinstance(jobs, Iterable):
        raise InvalidJob("jobs", f"{shown(jobs)} is no list of prepared jobs")
    for job in jobs:
        if type(job) is not Prepared:
            _refuse_other(job, len(into))
        into.append(job)
        yield job


def _refuse_other(job: object, place: int) -> None:
    if not isinstance(job, Prepared):
        problem = f"number {place} is {shown(job)}; give what prepare(...) returns"
        raise InvalidJob("jobs", problem)


async def _answered(
    sending: deque[tuple[list[int], asyncio.Task[list[Answer]]]],
) -> Iterable[tuple[int, Answer]]:
    """Wait for the first batch under way; return the place and answer of each of its jobs."""
    places, task = sending[0]
    answers = await task
    sending.popleft()
    return zip(places, answers, strict=True)
