"""Sends the jobs of one event loop, each to where its queue or its partition is.

Where queues may live on different servers each has a connection of its own: one that can't be
reached keeps nobody else waiting, and everybody hears what became of his own jobs.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from jobqueue.broker.calls import Calls
from jobqueue.broker.lanes import TIMEOUT
from jobqueue.broker.servers import Server
from jobqueue.broker.splits import Splits
from jobqueue.client.handle import Answer
from jobqueue.client.parts import check, parts_of, place_of
from jobqueue.client.prepared import Prepared, Replicated, Synced
from jobqueue.client.submitter import Submitter
from jobqueue.domain.partitions import queue_of
from jobqueue.domain.replication import Replication

ANYWHERE = ""  # the submitter for all queues of a single server

Answers = list[Answer]


class Dispatch:
    """Owns the submitters of one event loop.

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
        self._server = server
        self._calls = calls
        self._splits = splits
        self._patience = patience
        self._replication = replication
        self._submitters: dict[tuple[str, type[Prepared]], Submitter] = {}
        self._learning = 0  # calls that wait to hear of their queue

    async def one(self, prepared: Prepared) -> Answer:
        """Send one job."""
        queue = prepared.queue
        await self.learn(queue)
        if self._splits.of(queue):
            check((prepared,), self._splits)
            queue = place_of(prepared, self._splits)
        [answer] = await self.submitter(queue, type(prepared)).submit(queue, (prepared,))
        return answer

    async def many(self, batch: Sequence[Prepared]) -> Answers:
        """Send jobs of one queue, at most a batch; raise what went wrong first, if anything."""
        await self.learn(batch[0].queue)
        check(batch, self._splits)
        kind, parts = _kind(batch), parts_of(batch, self._splits)
        sent = [
            self.submitter(place, kind).submit(place, [batch[i] for i in places])
            for place, places in parts.items()
        ]
        if len(sent) == 1:
            return await sent[0]
        # All to the end: what is stored in one place is so whatever happens in another.
        heard = await asyncio.gather(*sent, return_exceptions=True)
        found = list[Answer | None]([None] * len(batch))
        for places, answers in zip(parts.values(), heard, strict=True):
            if isinstance(answers, BaseException):
                raise answers
            for i, answer in zip(places, answers, strict=True):
                found[i] = answer
        return [answer for answer in found if answer is not None]

    async def learn(self, queue: str) -> None:
        """Make a queue known that is not, and hear of its partitions."""
        if self._splits.knows(queue):
            return
        self._learning += 1
        try:
            await self.submitter(queue, Prepared).submit(queue, ())
        finally:
            self._learning -= 1

    def submitter(self, place: str, kind: type[Prepared]) -> Submitter:
        """Return what sends jobs of a kind to a queue or partition."""
        apart = self._server.is_cluster or queue_of(place) != place
        key = (place if apart else ANYWHERE, kind)
        if key not in self._submitters:
            self._submitters[key] = self._made(kind)
        return self._submitters[key]

    def _made(self, kind: type[Prepared]) -> Submitter:
        # Who waits for replicas keeps nobody else waiting.
        replication = replace(self._replication, disk=kind is Synced)
        return Submitter(
            self._server.lane(min(TIMEOUT, self._patience / 2)),  # time to try twice
            self._calls,
            self._splits,
            self._patience,
            None if kind is Prepared else replication,
        )

    async def close(self) -> None:
        """Wait for what is under way and close the connections."""
        while self._learning:  # they send as soon as they know where to
            for submitter in list(self._submitters.values()):
                await submitter.idle()
            await asyncio.sleep(0)
        for submitter in list(self._submitters.values()):
            await submitter.close()


def _kind(batch: Sequence[Prepared]) -> type[Prepared]:
    """Return the kind that all wait like: the most careful one."""
    kinds = {type(job) for job in batch}
    return next((kind for kind in (Synced, Replicated) if kind in kinds), Prepared)
