"""Makes delayed and retrying jobs ready when they are due.

It sleeps until the next due time, at most a second, and sooner when a token says
that an earlier one has come. The timer is the loop's: a blocking read can't end
at a chosen millisecond.
"""

import asyncio
import logging
from collections.abc import Sequence

from jobqueue.broker.calls import Calls
from jobqueue.broker.lanes import Lane
from jobqueue.broker.lookup import queues
from jobqueue.domain.backoff import Pause
from jobqueue.domain.errors import BrokerError, BrokerUnavailable, severity

log = logging.getLogger("jobqueue.scheduler")

BATCH = 500  # jobs in one call: about 5 ms of Redis
LONGEST = 1.0  # seconds of sleep


class Promoter:
    """Promotes the due jobs of every queue.

    Args:
        lane: For promote; used by nobody else.
        waiting: For the blocking read.
        calls: Makes the calls.
        queue: The only queue to look after; None for all.
    """

    def __init__(self, lane: Lane, waiting: Lane, calls: Calls, queue: str | None = None) -> None:
        self._lane = lane
        self._waiting = waiting
        self._calls = calls
        self._token: asyncio.Task[None] | None = None
        self._only = None if queue is None else [queue]
        self.problem: str | None = None

    async def run(self) -> None:
        """Promote until cancelled."""
        pause = Pause()
        try:
            while True:
                try:
                    names = self._only or await queues(self._lane, self._calls.keys)
                    wait = await self.promote(names)
                    await self._sleep(names, wait)
                    pause.reset()
                    self.problem = None
                except (BrokerUnavailable, BrokerError) as error:
                    self.problem = str(error)
                    log.log(severity(error), "promotion failed", extra={"error": str(error)})
                    await asyncio.sleep(min(LONGEST, pause.take()))
        finally:
            if self._token is not None:
                self._token.cancel()

    async def promote(self, names: Sequence[str]) -> float:
        """Promote what is due; return the seconds until the next job is.

        After ``LONGEST`` it ends with more to do, so that other queues and new ones get their turn.
        """
        clock, behind = asyncio.get_running_loop().time, list(names)
        end = following = clock() + LONGEST
        while behind and clock() < end:
            answers = await self._lane.calls([self._calls.promote(q, BATCH) for q in behind])
            late, asked = [], clock()
            for queue, answer in zip(behind, answers, strict=True):
                if answer.next_ms is None:
                    continue
                if answer.next_ms <= answer.now_ms:
                    late.append(queue)
                else:
                    following = min(following, asked + (answer.next_ms - answer.now_ms) / 1000)
            behind = late
        return 0.0 if behind else max(0.0, following - clock())

    async def _sleep(self, names: Sequence[str], wait: float) -> None:
        if not names:
            await asyncio.sleep(wait)
            return
        if self._token is None:
            self._token = asyncio.create_task(self._read(names))
        await asyncio.wait({self._token}, timeout=wait)
        if self._token.done():
            token, self._token = self._token, None
            token.result()

    async def _read(self, names: Sequence[str]) -> None:
        keys = [self._calls.keys.wake_due(queue) for queue in names]
        await self._waiting.take(keys, LONGEST)
