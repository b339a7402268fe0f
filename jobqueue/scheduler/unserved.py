"""Warns of queues that were split under workers which know nothing of it.

Such a worker goes on with the queue itself and takes nothing from its partitions: jobs that wait
there wait for a restart of the workers, and nobody else would say so unasked.
"""

import asyncio
import logging

from jobqueue.broker import presence
from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane
from jobqueue.broker.lookup import queues
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.domain.partitions import by_queue

log = logging.getLogger("jobqueue.scheduler")

EVERY = 30.0  # seconds


class Unserved:
    """Looks for split queues whose workers were all started before the split.

    Args:
        lane: Used by nobody else.
        keys: Names of the installation's keys.
    """

    problem: str | None = None  # it is none of the scheduler's own

    def __init__(self, lane: Lane, keys: Keys) -> None:
        self._lane = lane
        self._keys = keys
        self._said: set[str] = set()

    async def run(self) -> None:
        """Look until cancelled; each queue is named once as long as it is so."""
        while True:
            try:
                found = await self._look()
            except (BrokerUnavailable, BrokerError) as error:
                log.debug("workers not known", extra={"error": str(error)})
            else:
                for queue in sorted(found - self._said):
                    log.warning(
                        "no live worker serves the partitions; restart those that serve the queue",
                        extra={"queue": queue},
                    )
                self._said = found
            await asyncio.sleep(EVERY)

    async def _look(self) -> set[str]:
        places = by_queue(await queues(self._lane, self._keys))
        split = [queue for queue, names in places.items() if names != [queue]]
        if not split:
            return set()
        workers = await presence.services(self._lane, self._keys, "worker")
        return set(presence.unserved(split, workers))
