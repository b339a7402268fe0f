"""How a worker ends its jobs: they get the grace, and what is left is handed back.

What ends when it is cancelled goes back at once. A thread can't be ended, and a handler may
refuse to: their jobs go back with the worker's last word, and the process ends behind it.
"""

import asyncio
import contextlib

from jobqueue.domain.outcomes import Released
from jobqueue.worker.apart import Settlers
from jobqueue.worker.held import Held, Pool
from jobqueue.worker.settlements import Scribe

CLEANUP = 1.0  # seconds that a cancelled handler gets for its own clean-up
FLUSH = 5.0  # seconds to write the last outcomes when Redis does not answer


class Drain:
    """Empties the worker.

    Args:
        pool: What it owns.
        scribe: Writes down what is handed back.
        settler: Sends it.
        grace: Seconds that running jobs get.
    """

    def __init__(self, pool: Pool, scribe: Scribe, settler: Settlers, grace: float) -> None:
        self._pool = pool
        self._scribe = scribe
        self._settler = settler
        self._grace = grace
        self._hurry = asyncio.Event()
        self._stuck: list[Held] = []

    @property
    def left(self) -> list[str]:
        """Ids of the jobs whose handlers do not end."""
        return [held.delivery.id for held in self._stuck]

    def hurry(self) -> None:
        """Give no grace, or no more of it."""
        self._hurry.set()

    async def run(self, fetching: "asyncio.Task[None]") -> None:
        """Wait for running jobs, hand back the others, and write every outcome.

        Args:
            fetching: Ends soon; it may still bring something.
        """
        waits = {asyncio.create_task(self._pool.idle()), asyncio.create_task(self._hurry.wait())}
        await asyncio.wait(waits, timeout=self._grace, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()
        await self._hand_back()
        # What a last fetch brings is handed back too: release is the last write.
        await asyncio.wait({fetching}, timeout=FLUSH)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._settler.flush(), FLUSH)

    async def _hand_back(self) -> None:
        working = [(held, held.task) for held in self._pool.working.values() if held.task]
        for held, task in working:
            held.released = True
            task.cancel()
        if working:
            await asyncio.wait([task for _, task in working], timeout=CLEANUP)
        for held, task in working:
            if not (task.done() or held.dropped):
                # It ignores its cancellation: what it comes to is worthless from here on.
                held.dropped = True
                self._stuck.append(held)

    async def let_go(self) -> None:
        """Hand back what does not end, as the last thing that the worker does.

        Until then it keeps its lease and its lock: nobody else may run beside it.
        """
        for held in self._stuck:
            self._settler.add(self._scribe.write(held, Released()))
        if self._stuck:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._settler.write_all(), FLUSH)
