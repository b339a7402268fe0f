"""Sends jobs from one event loop; jobs of the same moment share a round trip.

Where the connection stands and the queue is known, a batch is sent by whoever asked, and its
answer is dealt out where it arrives, which sends the next batch: no task runs. What else a batch
may need (a connection, the queue's partitions, replicas, another try) is done by a task.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence

from jobqueue.broker.failures import AnswerLost, translate
from jobqueue.broker.replication import replicated
from jobqueue.client.batches import IDLE, MOST_BYTES, MOST_JOBS, Numbers
from jobqueue.client.flights import Flight, Waiting, give_up
from jobqueue.client.handle import Answer
from jobqueue.client.prepared import Prepared
from jobqueue.client.wire import Wire
from jobqueue.domain.errors import BrokerUnavailable, JobQueueError
from jobqueue.domain.partitions import queue_of

TOGETHER = 0.1  # part of the patience by which deadlines within one batch may differ
# Jobs of one moment that are sent before all of them have come: Redis works while they do.
ENOUGH = 50
DEPTH = 2  # batches on the connection: Redis has the next one before it has answered


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
        # Each has at most one call under way, which may be repeated.
        self._free = [Numbers() for _ in range(DEPTH)]
        self._waiting: dict[str, list[Waiting]] = {}
        self._gathered = 0  # jobs that wait
        self._single = True  # whether the last batch was of one job
        self._soon = False  # whether what waits is sent at the end of this turn of the loop
        self._flights: list[Flight] = []  # under way without a task
        self._troubled: deque[Flight] = deque()  # what a task has to send, or to send again
        self._task: asyncio.Task[None] | None = None
        self._known: set[str] = set()  # queues that are in the set of queues for certain
        self._problem: BrokerUnavailable | None = None  # while Redis is away
        self._rest: asyncio.Future[None] | None = None  # somebody waits until nothing is under way
        self.used = 0.0  # monotonic time of the last answer

    def submit(self, queue: str, jobs: Sequence[Prepared]) -> "asyncio.Future[list[Answer]]":
        """Send jobs soon, at most a batch; the future gets an answer for each.

        Args:
            queue: Their queue, or their partition.
            jobs: The jobs; without any the queue is only made known.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Answer]] = loop.create_future()
        waiting = (jobs, future, time.monotonic() + self._patience)
        self._waiting.setdefault(queue, []).append(waiting)
        self._gathered += len(jobs)
        # Who enqueues one by one waits for each; where several came at once more may follow.
        if self._gathered >= ENOUGH or (self._single and not self._flights):
            self._next()
        elif not self._soon and not self._flights:
            self._soon = True
            loop.call_soon(self._next)
        return future

    async def idle(self) -> None:
        """Wait for what is under way."""
        if self._waiting or self._flights or self._task is not None:
            self._rest = self._rest or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._rest)

    async def close(self) -> None:
        """Wait for what is under way and close the connection."""
        await self.idle()
        await self._lane.close()

    def _next(self) -> None:
        """Send what waits, as far as there is room: here if that can be, else by a task."""
        self._soon = False
        if self._task is not None:
            return
        while self._waiting and self._goes_on:
            self._send(self._take())
        if self._flights:
            return
        if self._troubled or self._waiting:
            self._task = asyncio.create_task(self._send_all())
        elif self._rest is not None:
            rest, self._rest = self._rest, None
            rest.set_result(None)

    @property
    def _goes_on(self) -> bool:
        """Whether the next batch can be sent now, and without a task."""
        if self._troubled or self._problem is not None or self._replication is not None:
            return False
        if self._flights and not (self._free and self._gathered >= ENOUGH):
            return False
        known = next(iter(self._waiting)) in self._known
        return known and time.monotonic() - self.used <= IDLE

    def _take(self) -> Flight:
        """Cut a batch off what waits; the queue that has waited longest comes first."""
        queue = next(iter(self._waiting))
        waiting = self._waiting.pop(queue)
        batch = self._cut(waiting)
        if left := waiting[len(batch) :]:
            self._waiting[queue] = left
        flight = Flight(queue, batch, self._calls, self._free.pop(), self._landed)
        self._gathered -= len(flight)
        self._single = len(flight) <= 1
        return flight

    def _cut(self, waiting: list[Waiting]) -> list[Waiting]:
        size = jobs = count = 0
        latest = waiting[0][2] + self._patience * TOGETHER
        for group, _, deadline in waiting:
            jobs += len(group)
            for prepared in group:
                size += len(prepared.spec)
            if count and (jobs > MOST_JOBS or size > MOST_BYTES or deadline > latest):
                break
            count += 1
        return waiting[:count]

    def _send(self, flight: Flight) -> None:
        call = flight.attempt.call
        if call is None:
            self._ended(flight, "")
        elif self._lane.send(call, flight):
            self._flights.append(flight)
        else:
            self._troubled.append(flight)

    def _landed(self, flight: Flight, answer: str | Exception) -> None:
        """Deal the answer out and send the next batch; where there is none a task repeats it."""
        self._flights.remove(flight)
        if isinstance(answer, Exception):
            flight.attempt.uncertain = isinstance(translate(answer, sent=True), AnswerLost)
            self._troubled.append(flight)
        else:
            self.used = time.monotonic()
            self._ended(flight, answer)
        self._next()

    def _ended(self, flight: Flight, answer: str | JobQueueError) -> None:
        self._free.append(flight.numbers)
        if isinstance(answer, JobQueueError):
            flight.refuse(answer)
        else:
            flight.answer(answer)

    async def _send_all(self) -> None:
        """Send what can't be sent otherwise, one batch after the other."""
        try:
            if any(flight.broken for flight in self._troubled):
                await self._lane.close()
            while self._troubled or (self._waiting and not self._goes_on):
                if not self._troubled:
                    self._troubled.append(self._take())
                flight = self._troubled[0]
                try:
                    answer: str | JobQueueError = await self._repeat(flight)
                except JobQueueError as error:
                    answer = error
                self._troubled.popleft()
                self._ended(flight, answer)
        except BaseException as error:
            self._abandon(error)
            raise
        finally:
            self._task = None
            self._next()

    async def _repeat(self, flight: Flight) -> str:
        attempt, queue = flight.attempt, flight.queue
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
                    key = self._calls.keys.call(queue, flight.numbers.caller)
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
        for flight in self._troubled:
            flight.abandon(error)
            self._free.append(flight.numbers)
        for waiting in self._waiting.values():
            give_up(waiting, error)
        self._troubled.clear()
        self._waiting.clear()
        self._gathered = 0
