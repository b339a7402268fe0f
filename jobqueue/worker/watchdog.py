"""Runs the fetcher, and sees that it fetches.

A worker whose slots are free, whose loop turns and whose Redis answers must fetch: an idle
one does so every two seconds. Where it has not for thirty, something between them is
broken that nobody foresaw. The fetcher is then started anew on new connections, which asks
first what is owned; where that does not help within as long again, the worker ends with an
error, so that whoever runs it starts another.

Not of this kind are a worker that may not fetch (full, quiet, stopping), a journal past
its bound, which is an answer, and a Redis that does not answer on a connection of our own
either. Time in which the loop was blocked does not count.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from jobqueue.broker.calls import Calls
from jobqueue.broker.servers import Server
from jobqueue.domain.errors import BrokerError, BrokerUnavailable, JobQueueError
from jobqueue.domain.tasks import end
from jobqueue.worker.fetcher import Fetcher

log = logging.getLogger("jobqueue.worker")

LOOKS = 30  # in one patience
ANSWER = 5.0  # seconds in which Redis answers, if it does


class Watchdog:
    """Keeps a fetcher fetching.

    Args:
        fetcher: What to run.
        queues: The queues that it fetches from.
        answers: Returns whether Redis answers on a connection of its own.
        patience: Seconds without a fetch that worry.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        queues: Sequence[str],
        answers: Callable[[], Awaitable[bool]],
        patience: float,
    ) -> None:
        self._fetcher = fetcher
        self._queues = queues
        self._answers = answers
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._fetching: asyncio.Task[None] | None = None
        self._rebuilding = False
        self.problem: str | None = None

    async def fetch(self) -> None:
        """Run the fetcher until it ends by itself."""
        while True:
            self._rebuilding = False
            task = self._fetching = asyncio.create_task(self._fetcher.run())
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                await end(task)
                raise
            if not (self._rebuilding and task.cancelled()):
                return task.result()
            for queue in self._queues:
                self._fetcher.doubt(queue)

    async def watch(self) -> None:
        """Look until cancelled.

        Raises:
            JobQueueError: The worker does not fetch, and new connections did not help.
        """
        rebuilt, waited, seen = False, 0.0, self._fetcher.fetches
        while True:
            passed = await self._step()
            if self._fetcher.fetches != seen or not self._fetcher.wanting:
                rebuilt, waited, seen = False, 0.0, self._fetcher.fetches
                self.problem = None
                continue
            waited += passed
            if waited < self._patience:
                continue
            waited = 0.0
            if await self._answers():
                if self._fetcher.fetches == seen:
                    self._worry(rebuilt=rebuilt)
                    rebuilt = True
            else:
                rebuilt, self.problem = False, None

    async def _step(self) -> float:
        """Wait a little; return the time that counts."""
        step, began = self._patience / LOOKS, self._loop.time()
        await asyncio.sleep(step)
        # A longer wait says that the loop, or the whole machine, stood still.
        return min(self._loop.time() - began, 2 * step)

    def _worry(self, *, rebuilt: bool) -> None:
        """Begin anew, or give up where that was done already."""
        self.problem = self._say()
        if rebuilt:
            log.error("fetching is stuck; the worker ends", extra={"error": self.problem})
            raise JobQueueError(f"{self.problem}; new connections did not help")
        log.error("fetching is stuck; it begins anew", extra={"error": self.problem})
        self._rebuilding = True
        if self._fetching is not None:
            self._fetching.cancel()

    def _say(self) -> str:
        reason = f" ({self._fetcher.refusal})" if self._fetcher.refusal else ""
        return f"no fetch has succeeded for {self._patience:g} s though Redis answers{reason}"


async def answers(
    server: Server, calls: Calls, worker: str, lease: float, queues: Sequence[str]
) -> bool:
    """Say whether Redis answers and may be written to, on a connection made for this question.

    Args:
        server: Where it is.
        calls: Makes the calls.
        worker: Our id; renewing our lease is a harmless question.
        lease: Life of a lease, in seconds.
        queues: Where to ask; on a cluster each may be on a server of its own.
    """
    lane = server.lane(timeout=ANSWER)
    try:
        for queue in queues:
            await lane.call(calls.renew(queue, worker, round(lease * 1000)))
    except (BrokerUnavailable, BrokerError) as error:
        log.debug("no answer for the watchdog", extra={"error": str(error)})
        return False
    finally:
        await lane.close()
    return True
