"""Sends the jobs of one event loop, each to where its queue or its partition is.

Where queues may live on different servers each has a connection of its own: one that can't be
reached keeps nobody else waiting, and everybody hears what became of his own jobs.
"""

import asyncio
from collections.abc import Sequence

from jobqueue.client.handle import Answer
from jobqueue.client.parts import check, joined, parts_of, place_of
from jobqueue.client.prepared import Prepared
from jobqueue.client.submitter import Submitter
from jobqueue.client.wire import Wire, kind_of
from jobqueue.domain.partitions import queue_of

ANYWHERE = ""  # the submitter for all queues of a single server


class Dispatch:
    """Owns the submitters of one event loop.

    Args:
        wire: Where Redis is, and how to talk to it.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._splits = wire.splits
        self._submitters: dict[tuple[str, type[Prepared]], Submitter] = {}
        self._learning = 0  # calls that wait to hear of their queue

    async def one(self, prepared: Prepared) -> Answer:
        """Send one job."""
        queue = prepared.queue
        await self._learn(queue)
        if self._splits.of(queue):
            check((prepared,), self._splits)
            queue = place_of(prepared, self._splits)
        [answer] = await self.submitter(queue, type(prepared)).submit(queue, (prepared,))
        return answer

    async def many(self, batch: Sequence[Prepared]) -> list[Answer]:
        """Send jobs of one queue, at most a batch.

        Raises:
            JobQueueError: What went wrong; of several things in several partitions the gravest.
        """
        await self.check(batch)
        kind, parts = kind_of(batch), parts_of(batch, self._splits)
        sent = [
            self.submitter(place, kind).submit(place, [batch[i] for i in places])
            for place, places in parts.items()
        ]
        if len(sent) == 1:
            return await sent[0]
        # All to the end: what is stored in one place is so whatever happens in another.
        return joined(parts.values(), await asyncio.gather(*sent, return_exceptions=True))

    async def check(self, jobs: Sequence[Prepared]) -> None:
        """Hear of the partitions of the queues of jobs, and look whether they fit.

        Raises:
            InvalidJob: One does not.
        """
        for queue in {job.queue for job in jobs}:
            await self._learn(queue)
        check(jobs, self._splits)

    async def _learn(self, queue: str) -> None:
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
        apart = self._wire.server.is_cluster or queue_of(place) != place
        # Who waits for replicas keeps nobody else waiting.
        key = (place if apart else ANYWHERE, kind)
        if key not in self._submitters:
            self._submitters[key] = Submitter(self._wire, kind)
        return self._submitters[key]

    async def close(self) -> None:
        """Wait for what is under way and close the connections."""
        while self._learning:  # they send as soon as they know where to
            for submitter in list(self._submitters.values()):
                await submitter.idle()
            await asyncio.sleep(0)
        for submitter in list(self._submitters.values()):
            await submitter.close()
