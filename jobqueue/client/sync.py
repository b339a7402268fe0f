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
from jobqueue.client.batches import (
    IDLE,
    Attempt,
    Numbers,
    Part,
    Reply,
    error_of_batch,
    parts_of,
    read_answers,
)
from jobqueue.client.handle import Answer, Watcher
from jobqueue.client.outcomes import PROGRESS, WAITING, told
from jobqueue.client.placing import check
from jobqueue.client.prepared import Prepared, Synced
from jobqueue.domain.backoff import Pause
from jobqueue.domain.errors import BrokerUnavailable, JobQueueError, ResultTimeout
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
        self.registered: set[str] = set()
        self.used = 0.0  # monotonic time of the last answer


class SyncClient:
    """Sends jobs and waits for results, from any number of threads.

    Args:
        server: Where Redis is.
        calls: Makes the calls.
        splits: Says where the jobs of a queue go.
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

    def enqueue(self, queue: str, batch: Sequence[Prepared]) -> list[Answer]:
        """Send jobs of one queue and return the answer to each, perhaps with that of replicas.

        Raises:
            EnqueueUncertain: Redis took the call and never answered.
            BrokerUnavailable: Redis can't be reached; nothing was stored.
        """
        with self._sender() as sender:
            attempt = Attempt(time.monotonic() + self._patience)
            try:
                replies = self._repeat(sender, queue, attempt, batch)
                return read_answers(attempt.parts, replies)
            except JobQueueError as error:
                raise error_of_batch(attempt, error, batch) from error

    def _replication_of(self, batch: Sequence[Prepared]) -> Replication | None:
        """Return what a batch waits for: as the most careful of its jobs asks."""
        kinds = {type(job) for job in batch}
        if kinds == {Prepared}:
            return None
        return replace(self._replication, disk=Synced in kinds)

    def _repeat(
        self, sender: _Sender, queue: str, attempt: Attempt, batch: Sequence[Prepared]
    ) -> list[Reply]:
        if time.monotonic() - sender.used > IDLE:
            sender.known.clear()
        while True:
            sent = False
            try:
                if queue not in sender.known:
                    self._register(sender, queue)
                if not attempt.parts:
                    check(batch, self._splits)
                    args = (self._calls, self._splits, queue, sender.numbers)
                    attempt.parts = parts_of(*args, batch)
                sent = True
                replies = self._ask(sender, attempt.parts, self._replication_of(batch))
            except JobQueueError as error:
                # A server that comes back may have lost its last second, or all.
                sender.known.clear()
                time.sleep(attempt.failed(error, sent=sent))
            else:
                sender.used = time.monotonic()
                return replies

    def _ask(
        self, sender: _Sender, parts: Sequence[Part], replication: Replication | None
    ) -> list[Reply]:
        if replication is None:
            return [(sender.lane.call(part.call), None) for part in parts]
        keys = [self._calls.keys.call(part.queue, sender.numbers.caller) for part in parts]
        return [
            replicated_sync(sender.lane, part.call, key, replication)
            for part, key in zip(parts, keys, strict=True)
        ]

    def _register(self, sender: _Sender, queue: str) -> None:
        """Put a queue into the set of queues; see the submitter's."""
        try:
            n = sender.lane.call(self._splits.ask(queue))
        except BrokerUnavailable:
            if not (sender.lane.apart and queue in sender.registered):
                raise
        else:
            self._splits.note(queue, n)
            sender.known.add(queue)
            sender.registered.add(queue)

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
