"""Sends jobs from one event loop; jobs of the same moment share a round trip."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from itertools import islice

from jobqueue.broker.calls import Calls
from jobqueue.broker.lanes import Lane
from jobqueue.client.batches import MOST_BYTES, MOST_JOBS, Attempt, Numbers, refusal, statuses
from jobqueue.client.handle import Status
from jobqueue.client.prepared import Prepared
from jobqueue.domain.errors import JobQueueError

Waiting = tuple[Sequence[Prepared], "asyncio.Future[list[Status]]"]


class Submitter:
    """Owns one lane; jobs gather while a call is under way.

    Args:
        lane: Used by nobody else.
        calls: Makes the calls.
        patience: Seconds to go on trying when Redis does not answer.
    """

    def __init__(self, lane: Lane, calls: Calls, patience: float) -> None:
        self._lane = lane
        self._calls = calls
        self._patience = patience
        self._numbers = Numbers()
        self._waiting: defaultdict[str, list[Waiting]] = defaultdict(list)
        self._known: set[str] = set()  # queues that were put into the set of queues
        self._task: asyncio.Task[None] | None = None

    def submit(self, queue: str, jobs: Sequence[Prepared]) -> "asyncio.Future[list[Status]]":
        """Send jobs of one queue soon, at most a batch; the future gets a status for each."""
        future: asyncio.Future[list[Status]] = asyncio.get_running_loop().create_future()
        self._waiting[queue].append((jobs, future))
        if self._task is None:
            self._task = asyncio.create_task(self._send_all())
        return future

    async def close(self) -> None:
        """Wait for what is under way and close the connection."""
        if self._task is not None:
            await self._task
        await self._lane.close()

    async def _send_all(self) -> None:
        try:
            while True:
                queues = [queue for queue, waiting in self._waiting.items() if waiting]
                if not queues:
                    return
                for queue in queues:
                    await self._send(queue, self._cut(self._waiting[queue]))
        finally:
            self._task = None

    @staticmethod
    def _cut(waiting: list[Waiting]) -> list[Waiting]:
        size = jobs = count = 0
        for group, _ in waiting:
            jobs += len(group)
            size += sum(len(prepared.spec) for prepared in group)
            if count and (jobs > MOST_JOBS or size > MOST_BYTES):
                break
            count += 1
        batch = waiting[:count]
        del waiting[:count]
        return batch

    async def _send(self, queue: str, waiting: list[Waiting]) -> None:
        batch = [prepared for group, _ in waiting for prepared in group]
        attempt = Attempt.of(self._calls, queue, self._numbers, batch, self._patience)
        try:
            answers = iter(statuses(await self._repeat(queue, attempt), batch))
        except JobQueueError as error:
            for group, future in waiting:
                if not future.done():
                    future.set_exception(refusal(attempt, error, group[0]))
            return
        for group, future in waiting:
            mine = list(islice(answers, len(group)))
            if not future.done():
                future.set_result(mine)

    async def _repeat(self, queue: str, attempt: Attempt) -> str:
        while True:
            try:
                if queue not in self._known:
                    await self._lane.command("SADD", self._calls.keys.queues, queue)
                    self._known.add(queue)
                return await self._lane.call(attempt.call)
            except JobQueueError as error:
                await asyncio.sleep(attempt.failed(error))
