"""The blocking edge: the same calls from programs without an event loop."""

import math
import os
import secrets
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from jobqueue.broker.calls import Calls
from jobqueue.broker.lanes import TIMEOUT, SyncLane
from jobqueue.broker.messages import Watched, watched
from jobqueue.broker.replication import replicated_sync
from jobqueue.broker.servers import Server
from jobqueue.broker.splits import Splits
from jobqueue.client.batches import IDLE, Attempt, Numbers, error_of_batch, read_answers
from jobqueue.client.handle import Answer, Watcher
from jobqueue.client.outcomes import PROGRESS, WAITING, told
from jobqueue.client.prepared import Prepared, Synced
from jobqueue.domain.backoff import Pause
from jobqueue.domain.errors import BrokerUnavailable, JobQueueError, ResultTimeout
from jobqueue.domain.partitions import queue_of
from jobqueue.domain.replication import Replication

BLOCK = 2.0  # seconds of one blocking read; longer waits ask again
SHORTEST = 0.01  # seconds; 0 would block for ever


class _Sender:
    """Connections with their call numbers; one thread uses them at a time."""

    def __init__(self, server: Server, patience: float) -> None:
        self.lane: SyncLane = server.sync_lane(min(TIMEOUT, patience / 2))  # time to try twice
        self.reading: SyncLane = server.sync_lane()  # blocks longer than a short patience
        self.numbers = Numbers()
        self.inbox = secrets.token_hex(8)
        self.known: set[str] = set()
        self.used = 0.0  # monotonic time of the last answer


class SyncClient:
    """Sends jobs and waits for results, from any number of threads.

    Args:
        server: Where Redis is.
        calls: Makes the calls.
        splits: Asks for the partitions of queues, and remembers them.
        patience: Seconds to go on trying when Redis does not answer.
        replication: What jobs wait for that ask for replicas.
    """

    def __init__(
        self,
        server: Server,
        calls: Calls,
        splits: Splits,
        patience: float,
        replication: Replication,
    ) -> None:
        self._splits = splits
        self._replication = replication
        self._server = server
        self._calls = calls
        self._patience = patience
        # No lock: a fork while another thread holds it would leave it locked in the child.
        self._idle: deque[_Sender] = deque()
        self._pid = os.getpid()

    def close(self) -> None:
        """Close idle connections; a later call opens new ones."""
        while sender := self._take():
            sender.lane.close()
            sender.reading.close()

    @contextmanager
    def _sender(self) -> Iterator[_Sender]:
        sender = self._take() or _Sender(self._server, self._patience)
        try:
            yield sender
        finally:
            self._idle.append(sender)

    def _take(self) -> _Sender | None:
        if self._pid != os.getpid():
            # After a fork the parent goes on using its connections.
            self._idle, self._pid = deque(), os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def enqueue(
        self, queue: str, batch: Sequence[Prepared], deadline: float | None = None
    ) -> list[Answer]:
        """Send jobs and return the answer to each, perhaps with that of replicas.

        Args:
            queue: Their queue, or their partition.
            batch: The jobs; without any the queue is only made known.
            deadline: Monotonic time after which it is given up; None: as long as we have patience.

        Raises:
            EnqueueUncertain: Redis took the call and never answered.
            BrokerUnavailable: Redis can't be reached; nothing was stored.
        """
        with self._sender() as sender:
            end = time.monotonic() + self._patience if deadline is None else deadline
            attempt = Attempt.of(self._calls, queue, sender.numbers, batch, end)
            try:
                reply = self._repeat(sender, queue, attempt, self._replication_of(batch))
                return read_answers(reply, batch, attempt.reached)
            except JobQueueError as error:
                raise error_of_batch(attempt, error, batch) from error

    def _replication_of(self, batch: Sequence[Prepared]) -> Replication | None:
        """Return what a batch waits for: as the most careful of its jobs asks."""
        kinds = {type(job) for job in batch}
        if kinds == {Prepared}:
            return None
        return replace(self._replication, disk=Synced in kinds)

    def _repeat(
        self, sender: _Sender, queue: str, attempt: Attempt, replication: Replication | None
    ) -> str:
        if time.monotonic() - sender.used > IDLE:
            sender.known.clear()
        while True:
            sent = False
            try:
                if queue not in sender.known:
                    self._register(sender, queue)
                if attempt.call is None:
                    return ""
                sent = True
                if replication is None:
                    answer = sender.lane.call(attempt.call)
                else:
                    key = self._calls.keys.call(queue, sender.numbers.caller)
                    answer, attempt.reached = replicated_sync(
                        sender.lane, attempt.call, key, replication
                    )
            except JobQueueError as error:
                # A server that comes back may have lost its last second, or all.
                sender.known.clear()
                time.sleep(attempt.failed(error, sent=sent))
            else:
                sender.used = time.monotonic()
                return answer

    def _register(self, sender: _Sender, queue: str) -> None:
        """Put a queue into the set of queues; see the submitter's."""
        whole = queue_of(queue)
        try:
            n = sender.lane.call(self._splits.ask(whole))
        except BrokerUnavailable:
            if not (sender.lane.apart and self._splits.knows(whole)):
                raise
        else:
            self._splits.note(whole, n)
            sender.known.add(queue)
            sender.used = time.monotonic()

    def wait(
        self, queue: str, job_id: str, timeout: float | None, watcher: Watcher | None = None
    ) -> Watched:
        """Return what the job came to, or that it is gone.

        Raises:
            ResultTimeout: It has not ended within ``timeout`` seconds.
            BrokerUnavailable: Redis can't be reached.
        """
        answered, pause = time.monotonic(), Pause()
        deadline = math.inf if timeout is None else answered + timeout
        with self._sender() as sender:
            watch = self._calls.watch(queue, job_id, sender.inbox)
            key = self._calls.keys.inbox(queue, sender.inbox)
            while True:
                try:
                    found = sender.lane.call(watch)
                    answered = time.monotonic()
                    left = deadline - answered
                    if found.state == WAITING and left > 0:
                        block = min(BLOCK, max(left, SHORTEST))
                        message = sender.reading.command("BLPOP", key, block)
                        # Another answer is for somebody who was here before and gave up.
                        found = watched.decode(message[1]) if message else found
                except BrokerUnavailable:
                    if time.monotonic() > min(deadline, answered + self._patience):
                        raise
                    time.sleep(pause.take())
                    continue
                pause.reset()
                if found.id == job_id and found.state == PROGRESS:
                    if watcher is not None:
                        told(watcher, found)
                elif found.id == job_id and found.state != WAITING:
                    return found
                if time.monotonic() > deadline:
                    raise ResultTimeout(job_id)
