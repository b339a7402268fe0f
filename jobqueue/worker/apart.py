"""Components that exist once for each queue, where queues may live on different servers.

An outage of one server must not keep outcomes from the others, nor jobs of workers that
died there. On a single server one component serves all queues, with one connection.
"""

import asyncio
from collections.abc import Mapping, Sequence

from jobqueue.worker.reclaimer import Reclaimer
from jobqueue.worker.settlements import Written
from jobqueue.worker.settler import Settler


class Settlers(Settler):
    """Writes outcomes, each by the settler of its queue.

    Args:
        settlers: By queue, each on a lane of its own.
    """

    def __init__(self, settlers: Mapping[str, Settler]) -> None:
        self._settlers = settlers

    def add(self, written: Written) -> None:
        """Write this outcome soon."""
        self._settlers[written.held.queue].add(written)

    async def flush(self) -> None:
        """Wait until everything that was added is written."""
        await asyncio.gather(*(settler.flush() for settler in self._settlers.values()))

    async def write_all(self) -> None:
        """Write what was added; only where :meth:`run` does not run any more."""
        await asyncio.gather(*(settler.write_all() for settler in self._settlers.values()))

    async def run(self) -> None:
        """Write outcomes until cancelled."""
        async with asyncio.TaskGroup() as group:
            for settler in self._settlers.values():
                group.create_task(settler.run())


class Reclaimers(Reclaimer):
    """Takes back what dead workers held, each queue at its own pace.

    Args:
        reclaimers: One of each queue, each on a lane of its own.
    """

    def __init__(self, reclaimers: Sequence[Reclaimer]) -> None:
        self._reclaimers = reclaimers

    async def run(self) -> None:
        """Sweep until cancelled."""
        async with asyncio.TaskGroup() as group:
            for reclaimer in self._reclaimers:
                group.create_task(reclaimer.run())

    async def sweep(self) -> float:
        """Look at every lease once; return the seconds until something can happen."""
        return min([await reclaimer.sweep() for reclaimer in self._reclaimers])
