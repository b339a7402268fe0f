"""Takes jobs when slots are free; sleeps on the wake token when there are none.

After any error it first asks what it owns already (``recover``): a fetch whose
answer was lost has delivered jobs that nobody has seen. That holds for a worker that
stops, too: what it owns unseen is handed back.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

from jobqueue.broker.calls import STALE, Calls, FetchLimits
from jobqueue.broker.lanes import TIMEOUT, Lane
from jobqueue.broker.messages import Delivery, Fetched
from jobqueue.broker.servers import Server
from jobqueue.domain.backoff import Pause
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.domain.partitions import by_queue, queue_of
from jobqueue.domain.tasks import end
from jobqueue.worker.clock import monotonic_us
from jobqueue.worker.held import Held, Pool
from jobqueue.worker.outages import Outages
from jobqueue.worker.queues import QueueOrder
from jobqueue.worker.tokens import Tokens

log = logging.getLogger("jobqueue.worker")

MOST = 1000  # slots that one fetch fills
OWNED_MOST = 10_000  # deliveries in the answer of one recover
LAST_LOOK = 2.0  # seconds in which a stopping worker asks what it owns

Start = Callable[[str, Delivery, int], None]
Prepare = Callable[[str], Awaitable[None]]


class Fetcher:
    """Owns the lane on which jobs are taken.

    Args:
        server: Where Redis is; the fetcher has two connections of its own.
        calls: Makes the calls.
        worker: Id of the worker.
        queues: The queues, and whose turn it is.
        most_of: Jobs of a queue that run here at once, where there is a bound.
        limits: What every fetch carries.
        pool: Slots, and what is owned.
        start: Starts a delivery; gets queue, delivery and the clock's offset in µs.
        prepare: Called with a queue that is in doubt, before it is asked.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - it stands between Redis and the whole worker
        self,
        server: Server,
        calls: Calls,
        worker: str,
        queues: QueueOrder,
        most_of: Mapping[str, int],
        limits: FetchLimits,
        pool: Pool,
        start: Start,
        prepare: Prepare,
    ) -> None:
        # Nobody renews the lease of what a fetch handed out and we never heard of until it is in
        # doubt: early enough for a heartbeat before the lease ends.
        patience = min(server.patience, limits.lease_ms / 2000)
        self._lane: Lane = server.lane(patience)
        self._calls = calls
        self._worker = worker
        self._order = queues
        self._queues = queues.names
        self._bounds = {
            name: (most_of[queue], names)
            for queue, names in by_queue(queues.names).items()
            if queue in most_of
            for name in names
        }
        self._limits = limits
        self._pool = pool
        self._start = start
        self._prepare = prepare
        # Half of the slots in one fetch: one half runs while Redis settles and fetches the other.
        self._most = min(MOST, -(-pool.free // 2))
        self._numbers: defaultdict[str, int] = defaultdict(int)
        self._doubtful = pool.doubtful  # queues whose deliveries must be compared first
        self._outages = Outages(
            self._lane,
            lambda: server.lane(patience),
            {queue: calls.keys.base(queue) for queue in queues.names},
            self._doubtful.add,
            pool.changed.set,
        )
        self._tokens = Tokens(
            # A silent node of a cluster costs no more here than there.
            server.lane(patience if server.is_cluster else TIMEOUT),
            {queue: calls.keys.wake(queue) for queue in queues.names},
            lambda queue: not self._quiet and self._slots(queue) > 0,
            self._outages,
        )
        self._called: str | None = None  # the queue whose token came
        self._all_due = 0.0  # by the loop's clock
        self._full: set[str] = set()  # queues whose journal is past its bound
        self._error = ""
        self.fetches = 0  # that Redis has answered, whatever it said
        self._quiet = False
        self._stopping = asyncio.Event()

    def doubt(self, queue: str) -> None:
        """Compare what we hold in ``queue`` with what Redis says, before the next fetch."""
        self._doubtful.add(queue)
        self._pool.changed.set()

    def quiet(self) -> None:
        """Fetch no more, and leave the running jobs alone."""
        self._quiet = True

    def stop(self) -> None:
        """End the loop; a token that was just taken is given back."""
        self._stopping.set()

    async def told(self) -> None:
        """Wait until :meth:`stop` is called."""
        await self._stopping.wait()

    @property
    def stopping(self) -> bool:
        """Whether :meth:`stop` was called."""
        return self._stopping.is_set()

    @property
    def starting(self) -> bool:
        """Whether what arrives may start; else it came too late and is handed back."""
        return not (self._quiet or self._stopping.is_set())

    @property
    def wanting(self) -> bool:
        """Whether a fetch is due: new jobs may start, and there is a slot for one."""
        return self.starting and any(self._slots(queue) > 0 for queue in self._queues)

    @property
    def error(self) -> str | None:
        """What is wrong with Redis, if anything."""
        return self._error or None

    @property
    def problem(self) -> str | None:
        """Why nothing is fetched, for health."""
        if found := self._outages.problem or self._error:
            return found
        return _past_bound(min(self._full)) if self._full else None

    async def run(self) -> None:
        """Fetch until stopped."""
        stopping = asyncio.create_task(self.told())
        pause = Pause()
        try:
            while not self._stopping.is_set():
                try:
                    await self._round(stopping)
                    pause.reset()
                except (BrokerUnavailable, BrokerError) as error:
                    self._error = str(error)
                    log.warning("fetch failed", extra={"error": str(error)})
                    self._doubtful.update(self._queues)
                    await self._until(stopping, self._outages.pause(pause.take()))
            await self._look_back()
        finally:
            stopping.cancel()
            try:
                await self._tokens.forgo()
                await self._outages.close()
            finally:  # also when the worker waits for a silent server no longer
                await self._tokens.close()
                await self._lane.close()

    async def _round(self, stopping: "asyncio.Task[Any]") -> None:
        self._outages.check()
        await self._recover_all()
        if self._quiet or self._pool.free <= 0:
            await self._tokens.forgo()
            await self._until(stopping, self._blocked())
        elif not await self._fetch():
            await self._until(stopping, self._wait())

    async def _look_back(self) -> None:
        try:
            async with asyncio.timeout(LAST_LOOK):
                await self._recover_all()
        except (BrokerUnavailable, BrokerError, TimeoutError) as error:
            log.warning("can't say what is owned", extra={"error": str(error)})

    async def _blocked(self) -> None:
        """Wait while nothing can be fetched and nothing is in doubt."""
        while (self._quiet or self._pool.free <= 0) and not any(
            map(self._outages.tried, self._doubtful)
        ):
            self._pool.changed.clear()
            await self._pool.changed.wait()

    @staticmethod
    async def _until(stopping: "asyncio.Task[Any]", work: Coroutine[Any, Any, None]) -> None:
        """Wait for ``work``, or give it up when the worker stops."""
        task = asyncio.create_task(work)
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                await end(task)
        if not task.cancelled() and (error := task.exception()):
            raise error

    async def _wait(self) -> None:
        """Sleep until a token comes, or a queue has room again, or can be reached again."""
        self._pool.changed.clear()  # first: what changes from here on is heard below
        usable = [q for q in self._queues if self._slots(q) > 0 and self._outages.tried(q)]
        some = len(usable) < len(self._queues)
        self._called = await self._tokens.wait(usable, self._pool.changed if some else None)

    async def _turns(self) -> Sequence[str]:
        """Return the queues of this round: those with a token, and now and then all of them.

        To look for tokens costs little beside a fetch from each of many queues that are empty.
        """
        order, now = self._order.round(), asyncio.get_running_loop().time()
        called, self._called = self._called, None
        if called is None or len(order) == 1 or self._lane.apart or now >= self._all_due:
            self._all_due = now + self._tokens.longest
            return order
        there = await self._lane.commands([("EXISTS", self._calls.keys.wake(q)) for q in order])
        found = dict(zip(order, there, strict=True))
        return [queue for queue in order if queue == called or found[queue]]

    async def _fetch(self) -> bool:
        """Fill free slots from queues in their order; say whether to go on at once."""
        for queue in await self._turns():
            if self._pool.free <= 0:
                return True
            if self._slots(queue) > 0 and self._outages.tried(queue):
                with self._outages.of(queue):
                    if await self._fetch_of(queue):
                        return True  # a later queue gets nothing while this one may have more
        return False

    async def _fetch_of(self, queue: str) -> bool:
        alone, number, slots = self._pool.last_lives > 0, self._number(queue), self._slots(queue)
        fetched = await self._lane.call(
            self._calls.fetch(queue, self._worker, number, slots, self._limits, alone=alone)
        )
        self.fetches += 1
        self._begin(queue, fetched)
        self._note(queue, fetched.status)
        more = fetched.status == "more"
        self._order.took(queue, len(fetched.deliveries), more=more)
        return more and self._slots(queue) > 0

    def _slots(self, queue: str) -> int:
        """Return how many jobs of a queue could start here now."""
        free = min(self._pool.free, self._most)
        if queue not in self._bounds:
            return free
        most, names = self._bounds[queue]
        return min(free, most - sum(self._pool.busy[name] for name in names))

    def _note(self, queue: str, status: str) -> None:
        if status == STALE:
            self.doubt(queue)
        elif status != "full":
            self._full.discard(queue)
        elif queue not in self._full:
            self._full.add(queue)
            log.error("fetching stopped", extra={"error": _past_bound(queue)})

    async def _recover_all(self) -> None:
        for queue in list(self._doubtful):
            if self._outages.tried(queue):
                with self._outages.of(queue):
                    await self._prepare(queue)
                    await self._recover(queue)

    async def _recover(self, queue: str) -> None:
        before = {token: held for token, held in self._pool.owned.items() if held.queue == queue}
        call = self._calls.recover(
            queue, self._worker, self._number(queue), self._limits.lease_ms, OWNED_MOST
        )
        fetched = await self._lane.call(call)
        if fetched.status == STALE:
            return
        tokens = {d.token for d in fetched.deliveries}
        for token, held in before.items():
            if token not in tokens and token in self._pool.owned:
                self._drop(held)
        new = [d for d in fetched.deliveries if d.token not in before]
        self._begin(queue, Fetched(fetched.status, fetched.now_us, new))
        self._doubtful.discard(queue)

    def _drop(self, held: Held) -> None:
        """Forget a delivery that others own, or whose outcome Redis has and we'll soon hear of."""
        self._pool.settled(held)
        if held.task and not held.task.done():
            log.warning("lease lost", extra=held.fields())
            held.dropped = True
            held.task.cancel()

    def _number(self, queue: str) -> int:
        self._numbers[queue] += 1
        return self._numbers[queue]

    def _begin(self, queue: str, fetched: Fetched) -> None:
        self._error = ""  # it has answered; the next sleep may be long
        clock = fetched.now_us - monotonic_us()
        for delivery in fetched.deliveries:
            self._start(queue, delivery, clock)


def _past_bound(queue: str) -> str:
    return f"the journal of queue {queue_of(queue)} is past its bound: is a recorder running?"
