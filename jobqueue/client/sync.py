"""The blocking edge: the same calls from programs without an event loop."""

import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from jobqueue.broker.messages import Watched, watched
from jobqueue.broker.replication import replicated_sync
from jobqueue.client.batches import IDLE, Attempt, error_of_batch, read_answers
from jobqueue.client.handle import Answer, Wanted
from jobqueue.client.outcomes import PROGRESS, WAITING, told
from jobqueue.client.parts import check, joined, parts_of, place_of
from jobqueue.client.prepared import Prepared
from jobqueue.client.senders import Sender, Senders
from jobqueue.client.wire import Wire, kind_of
from jobqueue.domain.backoff import Pause
from jobqueue.domain.errors import BrokerUnavailable, JobQueueError, ResultTimeout
from jobqueue.domain.partitions import queue_of
from jobqueue.domain.replication import Replication

BLOCK = 2.0  # seconds of one blocking read; longer waits ask again
SHORTEST = 0.01  # seconds; 0 would block for ever


class SyncClient:
    """Sends jobs and waits for results, from any number of threads.

    Args:
        wire: Where Redis is, and how to talk to it.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._calls = wire.calls
        self._splits = wire.splits
        self._senders = Senders(wire)

    def close(self) -> None:
        """Close idle connections; a later call opens new ones."""
        self._senders.close()

    def many(self, batch: Sequence[Prepared]) -> list[Answer]:
        """Send jobs of one queue, at most a batch.

        Raises:
            EnqueueUncertain: Redis took a call and never answered.
            BrokerUnavailable: Redis can't be reached; nothing was stored.
        """
        self.check(batch)
        kind, parts = kind_of(batch), parts_of(batch, self._splits)
        if len(parts) == 1:
            [place] = parts
            return self._send(place, batch, kind)
        # All at once: one after the other they would add up what each waits for its replicas.
        with ThreadPoolExecutor(len(parts), "jobqueue-enqueue") as threads:
            sent = [
                threads.submit(self._send, place, [batch[i] for i in places], kind)
                for place, places in parts.items()
            ]
        return joined(parts.values(), (each.exception() or each.result() for each in sent))

    def one(self, prepared: Prepared) -> Answer:
        """Send one job; errors are those of :meth:`many`."""
        place = prepared.queue
        self._learn(place)
        if self._splits.of(place):
            check((prepared,), self._splits)
            place = place_of(prepared, self._splits)
        [answer] = self._send(place, (prepared,), type(prepared))
        return answer

    def check(self, jobs: Sequence[Prepared]) -> None:
        """Hear of the partitions of the queues of jobs, and look whether they fit.

        Raises:
            InvalidJob: One does not.
        """
        for queue in {job.queue for job in jobs}:
            self._learn(queue)
        check(jobs, self._splits)

    def _learn(self, queue: str) -> None:
        """Make a queue known that is not, and hear of its partitions."""
        if not self._splits.knows(queue):
            self._send(queue, (), Prepared)

    def _send(self, place: str, batch: Sequence[Prepared], kind: type[Prepared]) -> list[Answer]:
        """Send jobs to one queue or partition; without any it is only made known."""
        deadline = time.monotonic() + self._wire.patience
        with self._senders.one() as sender:
            attempt = Attempt.of(self._calls, place, sender.numbers, batch, deadline)
            try:
                reply = self._repeat(sender, place, attempt, self._wire.replication_of(kind))
                return read_answers(reply, place, batch, attempt.reached)
            except JobQueueError as error:
                raise error_of_batch(attempt, error, batch) from error

    def _repeat(
        self, sender: Sender, queue: str, attempt: Attempt, replication: Replication | None
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

    def _register(self, sender: Sender, queue: str) -> None:
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

    def wait(self, wanted: Wanted) -> Watched:
        """Return what a job came to, or that it is gone.

        Raises:
            ResultTimeout: It has not ended in time.
            BrokerUnavailable: Redis can't be reached.
        """
        answered, pause = time.monotonic(), Pause()
        job_id = wanted.job_id
        deadline = math.inf if wanted.timeout is None else answered + wanted.timeout
        with self._senders.one() as sender:
            watch = self._calls.watch(wanted.queue, job_id, sender.inbox)
            key = self._calls.keys.inbox(wanted.queue, sender.inbox)
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
                    if time.monotonic() > min(deadline, answered + self._wire.patience):
                        raise
                    time.sleep(pause.take())
                    continue
                pause.reset()
                if found.id == job_id and found.state == PROGRESS:
                    if wanted.watcher is not None:
                        told(wanted.watcher, found)
                elif found.id == job_id and found.state != WAITING:
                    return found
                if time.monotonic() > deadline:
                    raise ResultTimeout(job_id)
