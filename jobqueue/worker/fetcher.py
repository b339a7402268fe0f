"""Takes jobs when slots are free; sleeps on the wake token when there are none.

After any error it first asks what it owns already (``recover``): a fetch whose
answer was lost has delivered jobs that nobody has seen.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from jobqueue.broker.calls import Calls, Delivery, Fetched, FetchLimits
from jobqueue.broker.lanes import Lane, Server
from jobqueue.domain.backoff import Pause
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.worker.clock import monotonic_us
from jobqueue.worker.held import Pool

log = logging.getLogger("jobqueue.worker")

BLOCK = 2  # seconds that a lost token can cost
MOST = 1000  # slots that one fetch fills
OWNED_MOST = 10_000  # deliveries in the answer of one recover

Start = Callable[[str, Delivery, int], None]


class Fetcher:
    """Owns the lane on which jobs are taken, and the lane that waits for tokens.

    Args:
        server: Where Redis is; the fetcher has two connections of its own.
        calls: Makes the calls.
        worker: Id of the worker.
        queues: In the order in which they are served.
        limits: What every fetch carries.
        pool: Slots, and what is owned.
        start: Starts a delivery; gets queue, delivery and the clock's offset in µs.
    """

    def __init__(
        self,
        server: Server,
        calls: Calls,
        worker: str,
        queues: Sequence[str],
        limits: FetchLimits,
        pool: Pool,
        start: Start,
    ) -> None:
        self._lane: Lane = server.lane()
        self._waiting: Lane = server.lane()  # for the blocking read
        self._calls = calls
        self._worker = worker
        self._queues = queues
        self._limits = limits
        self._pool = pool
        self._start = start
        # Half of the slots in one fetch: one half runs while Redis settles and fetches the other.
        self._most = min(MOST, -(-pool.free // 2))
        self._numbers: defaultdict[str, int] = defaultdict(int)
        self._doubtful = set(queues)  # queues whose deliveries must be compared first
        self._quiet = False
        self._stopping = asyncio.Event()
        self.problem: str | None = None  # why nothing is fetched, for health

    def doubt(self, queue: str) -> None:
        """Compare what we hold in ``queue`` with what Redis says, before the next fetch."""
        self._doubtful.add(queue)

    def quiet(self) -> None:
        """Fetch no more, and leave the running jobs alone."""
        self._quiet = True

    def stop(self) -> None:
        """End the loop; a token that was just taken is given back."""
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        """Whether :meth:`stop` was called."""
        return self._stopping.is_set()

    async def run(self) -> None:
        """Fetch until stopped."""
        stopping = asyncio.create_task(self._stopping.wait())
        pause = Pause()
        try:
            while not self._stopping.is_set():
                try:
                    await self._round(stopping)
                    pause.reset()
                except (BrokerUnavailable, BrokerError) as error:
                    self.problem = str(error)
                    log.warning("fetch failed", extra={"error": str(error)})
                    self._doubtful.update(self._queues)
                    await self._until(stopping, asyncio.sleep(pause.take()))
        finally:
            stopping.cancel()
            await self._lane.close()
            await self._waiting.close()

    async def _round(self, stopping: "asyncio.Task[Any]") -> None:
        if self._pool.free <= 0:
            await self._until(stopping, self._pool.slot())
            if stopping.done():
                return
        found = False
        if not self._quiet:
            for queue in list(self._doubtful):
                await self._recover(queue)
            found = await self._fetch()
        if not found:
            await self._until(stopping, self._wait())

    @staticmethod
    async def _until(stopping: "asyncio.Task[Any]", work: Coroutine[Any, Any, None]) -> None:
        """Wait for ``work``, or give it up when the worker stops."""
        task = asyncio.create_task(work)
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()):
            raise error

    async def _wait(self) -> None:
        keys = [self._calls.keys.wake(queue) for queue in self._queues]
        try:
            await self._waiting.command("BLPOP", *keys, BLOCK, wait=BLOCK)
        except asyncio.CancelledError:
            # The token may be ours by now, and this worker can't use it.
            await self._give_back(keys)
            raise
        if self._quiet:
            await self._give_back(keys)
            await asyncio.sleep(BLOCK)

    async def _give_back(self, keys: Sequence[str]) -> None:
        try:
            lengths = await self._waiting.commands([("LLEN", key) for key in keys])
            missing = [key for key, length in zip(keys, lengths, strict=True) if not length]
            if missing:
                await self._waiting.commands([("LPUSH", key, 1) for key in missing])
        except (BrokerUnavailable, BrokerError) as error:
            # Others find the jobs with their next blocking read, at most 2 s later.
            log.debug("token not given back", extra={"error": str(error)})

    async def _fetch(self) -> bool:
        """Fill free slots from the queues in their order; say whether to go on at once."""
        busy, problem = False, None
        for queue in self._queues:
            if (slots := min(self._pool.free, self._most)) <= 0:
                return True
            alone = self._pool.last_lives > 0
            number = self._number(queue)
            fetched = await self._lane.call(
                self._calls.fetch(queue, self._worker, number, slots, self._limits, alone=alone)
            )
            self._begin(queue, fetched)
            if fetched.status == "full":
                problem = f"the journal of queue {queue} is past its bound: is a recorder running?"
            if fetched.status == "stale":
                self.doubt(queue)
            busy = busy or fetched.status == "more"
        if problem and problem != self.problem:
            log.error("fetching stopped", extra={"error": problem})
        self.problem = problem
        return busy

    async def _recover(self, queue: str) -> None:
        before = {h.delivery.token: h for h in self._pool if h.queue == queue}
        call = self._calls.recover(
            queue, self._worker, self._number(queue), self._limits.lease_ms, OWNED_MOST
        )
        fetched = await self._lane.call(call)
        tokens = {d.token for d in fetched.deliveries}
        for token, held in before.items():
            if token not in tokens and token in self._pool.owned and held.task:
                # Others own it, or its outcome is being written, which changes nothing for it.
                held.lost = True
                held.task.cancel()
        new = [d for d in fetched.deliveries if d.token not in before]
        self._begin(queue, Fetched(fetched.status, fetched.now_us, new))
        self._doubtful.discard(queue)

    def _number(self, queue: str) -> int:
        self._numbers[queue] += 1
        return self._numbers[queue]

    def _begin(self, queue: str, fetched: Fetched) -> None:
        clock = fetched.now_us - monotonic_us()
        for delivery in fetched.deliveries:
            self._start(queue, delivery, clock)
