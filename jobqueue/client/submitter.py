"""Sends jobs from one event loop; jobs of the same moment share a round trip."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice

from jobqueue.broker.replication import replicated
from jobqueue.client.batches import (
    IDLE,
    MOST_BYTES,
    MOST_JOBS,
    Attempt,
    Numbers,
    error_of_batch,
    read_answers,
)
from jobqueue.client.handle import Answer
from jobqueue.client.prepared import Prepared
from jobqueue.client.wire import Wire
from jobqueue.domain.errors import BrokerUnavailable, JobQueueError
from jobqueue.domain.partitions import queue_of

# Jobs, where their answers go, and the monotonic time after which they are given up.
Waiting = tuple[Sequence[Prepared], "asyncio.Future[list[Answer]]", float]

TOGETHER = 0.1  # part of the patience by which deadlines within one batch may differ


class Submitter:
    """Owns one lane; jobs gather while a call is under way.

    Args:
        wire: Where Redis is, and how to talk to it.
        kind: The kind of all its jobs.
    """

    def __init__(self, wire: Wire, kind: type[Prepared]) -> None:
        self._lane = wire.server.lane(wire.try_timeout)
        self._calls = wire.calls
        self._splits = wire.splits
        self._patience = wire.patience
        self._replication = wire.replication_of(kind)
        self._numbers = Numbers()
        self._waiting: defaultdict[str, list[Waiting]] = defaultdict(list)
        self._known: set[str] = set()  # queues that are in the set of queues for certain
        self._problem: BrokerUnavailable | None = None  # while Redis is away
        self._task: asyncio.Task[None] | None = None
        self.used = 0.0  # monotonic time of the last answer

    def submit(self, queue: str, jobs: Sequence[Prepared]) -> "asyncio.Future[list[Answer]]":
        """Send jobs soon, at most a batch; the future gets an answer for each.

        Args:
            queue: Their queue, or their partition.
            jobs: The jobs; without any the queue is only made known.
        """
        future: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
        self._waiting[queue].append((jobs, future, time.monotonic() + self._patience))
        if self._task is None:
            self._task = asyncio.create_task(self._send_all())
        return future

    async def idle(self) -> None:
        """Wait for what is under way."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def close(self) -> None:
        """Wait for what is under way and close the connection."""
        await self.idle()
        await self._lane.close()

    async def _send_all(self) -> None:
        try:
            while True:
                queues = [queue for queue, waiting in self._waiting.items() if waiting]
                if not queues:
                    return
                for queue in queues:
                    batch = self._cut(self._waiting[queue])
                    await self._send(queue, batch)
                    del self._waiting[queue][: len(batch)]
        except BaseException as error:
            self._abandon(error)
            raise
        finally:
            self._task = None

    def _cut(self, waiting: list[Waiting]) -> list[Waiting]:
        size = jobs = count = 0
        latest = waiting[0][2] + self._patience * TOGETHER
        for group, _, deadline in waiting:
            jobs += len(group)
            size += sum(len(prepared.spec) for prepared in group)
            if count and (jobs > MOST_JOBS or size > MOST_BYTES or deadline > latest):
                break
            count += 1
        return waiting[:count]

    async def _send(self, queue: str, waiting: list[Waiting]) -> None:
        batch = [prepared for group, _, _ in waiting for prepared in group]
        attempt = Attempt.of(self._calls, queue, self._numbers, batch, waiting[0][2])
        try:
            reply = await self._repeat(queue, attempt)
            answers = iter(read_answers(reply, queue, batch, attempt.reached))
        except JobQueueError as error:
            for group, future, _ in waiting:
                if not future.done():
                    future.set_exception(error_of_batch(attempt, error, group))
            return
        for group, future, _ in waiting:
            mine = list(islice(answers, len(group)))
            if not future.done():
                future.set_result(mine)

    async def _repeat(self, queue: str, attempt: Attempt) -> str:
        if self._problem is not None and attempt.late:
            raise self._problem  # what gathered while others tried has waited long enough
        if time.monotonic() - self.used > IDLE:
            self._known.clear()
        while True:
            sent = False
            try:
                if queue not in self._known:
                    await self._register(queue)
                if attempt.call is None:
                    return ""
                sent = True
                if self._replication is None:
                    answer = await self._lane.call(attempt.call)
                else:
                    key = self._calls.keys.call(queue, self._numbers.caller)
                    answer, attempt.reached = await replicated(
                        self._lane, attempt.call, key, self._replication
                    )
            except JobQueueError as error:
                # A server that comes back may have lost its last second, or all.
                self._known.clear()
                self._problem = error if isinstance(error, BrokerUnavailable) else None
                await asyncio.sleep(attempt.failed(error, sent=sent))
            else:
                self._problem, self.used = None, time.monotonic()
                return answer

    async def _register(self, queue: str) -> None:
        whole = queue_of(queue)
        try:
            n = await self._lane.call(self._splits.ask(whole))
        except BrokerUnavailable:
            # The set may live on another server, which is away, and has heard of the queue.
            if not (self._lane.apart and self._splits.knows(whole)):
                raise
        else:
            self._splits.note(whole, n)
            self._known.add(queue)
            self.used = time.monotonic()

    def _abandon(self, error: BaseException) -> None:
        """Let nobody wait for ever when the loop ends, or after a mistake of ours."""
        for waiting in self._waiting.values():
            for _, future, _ in waiting:
                if isinstance(error, asyncio.CancelledError):
                    future.cancel()
                elif not future.done():
                    future.set_exception(error)
        self._waiting.clear()
