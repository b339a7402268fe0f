"""The blocking edge: the same calls from programs without an event loop."""

import os
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from jobqueue.broker.calls import Calls, Watched, watched
from jobqueue.broker.lanes import Server, SyncLane
from jobqueue.client.batches import Attempt, Numbers, refusal, statuses
from jobqueue.client.handle import Status
from jobqueue.client.outcomes import WAITING
from jobqueue.client.prepared import Prepared
from jobqueue.domain.errors import BrokerUnavailable, JobQueueError, ResultTimeout

BLOCK = 2.0  # seconds of one blocking read; longer waits ask again


class _Sender:
    """One connection with its call numbers; one thread uses it at a time."""

    def __init__(self, server: Server) -> None:
        self.lane: SyncLane = server.sync_lane()
        self.numbers = Numbers()
        self.known: set[str] = set()


class SyncClient:
    """Sends jobs and waits for results, from any number of threads.

    Args:
        server: Where Redis is.
        calls: Makes the calls.
        patience: Seconds to go on trying when Redis does not answer.
    """

    def __init__(self, server: Server, calls: Calls, patience: float) -> None:
        self._server = server
        self._calls = calls
        self._patience = patience
        self._lock = threading.Lock()
        self._idle: list[_Sender] = []
        self._pid = os.getpid()

    def close(self) -> None:
        """Close idle connections; a later call opens new ones."""
        with self._lock:
            for sender in self._idle:
                sender.lane.close()
            self._idle.clear()

    @contextmanager
    def _sender(self) -> Iterator[_Sender]:
        with self._lock:
            if self._pid != os.getpid():
                # After a fork the parent goes on using its connections.
                self._idle, self._pid = [], os.getpid()
            sender = self._idle.pop() if self._idle else _Sender(self._server)
        try:
            yield sender
        finally:
            with self._lock:
                self._idle.append(sender)

    def enqueue(self, queue: str, batch: Sequence[Prepared]) -> list[Status]:
        """Send jobs of one queue and return the status of each.

        Raises:
            EnqueueUncertain: Redis took the call and never answered.
            BrokerUnavailable: Redis can't be reached; nothing was stored.
        """
        with self._sender() as sender:
            attempt = Attempt.of(self._calls, queue, sender.numbers, batch, self._patience)
            try:
                return statuses(self._repeat(sender, queue, attempt), batch)
            except JobQueueError as error:
                raise refusal(attempt, error, batch[0]) from error

    def _repeat(self, sender: _Sender, queue: str, attempt: Attempt) -> str:
        while True:
            try:
                if queue not in sender.known:
                    sender.lane.command("SADD", self._calls.keys.queues, queue)
                    sender.known.add(queue)
                return sender.lane.call(attempt.call)
            except JobQueueError as error:
                time.sleep(attempt.failed(error))

    def wait(self, queue: str, job_id: str, timeout: float | None) -> Watched:
        """Return what the job came to, or that it is gone.

        Raises:
            ResultTimeout: It has not ended within ``timeout`` seconds.
            BrokerUnavailable: Redis can't be reached.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        name = secrets.token_hex(8)
        key = self._calls.keys.inbox(queue, name)
        answered = time.monotonic()
        with self._sender() as sender:
            while True:
                left = BLOCK if deadline is None else min(BLOCK, deadline - time.monotonic())
                try:
                    found = sender.lane.call(self._calls.watch(queue, job_id, name))
                    if found.state != WAITING:
                        return found
                    if left <= 0:
                        raise ResultTimeout(job_id)
                    message = sender.lane.command("BLPOP", key, left)
                    if message is not None:
                        return watched.decode(message[1])
                    answered = time.monotonic()
                except BrokerUnavailable:
                    if time.monotonic() - answered > self._patience:
                        raise
                    time.sleep(min(1.0, self._patience / 10))
