"""Takes jobs when slots are free; sleeps on the wake token when there are none.

A worker of one queue that runs nothing sends the fetch together with the wait for the token:
Redis runs it when the token comes, and the worker hears of both at once. So the slots that it
names are those that were free when it was sent, and no other fetch may run before its answer.
One that runs something asks when it has heard of the token, since a handler may block the event
loop, and what Redis handed to us meanwhile would wait for that; so does one of several queues, and
of a cluster.

Of several queues those that had nothing are not asked again before they have a token: whoever
makes a job readable leaves one, and what a stopped script left is looked for every two seconds. A
fetch from a queue that comes after them looks whether there is one, and then brings nothing. A
cluster's queues are asked one after the other, since no script sees the tokens of them all.

After any error it first asks what it owns already (``recover``): a fetch whose
answer was lost has delivered jobs that nobody has seen. So it does when it is told to
stop, or to take no more, while a fetch waits: Redis may have run that by then. What it owns
unseen is handed back.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

from jobqueue.broker.calls import CALLED, FULL, MORE, OK, STALE, Calls, FetchLimits
from jobqueue.broker.lanes import TIMEOUT, Lane
from jobqueue.broker.messages import Delivery, Fetched
from jobqueue.broker.servers import Server
from jobqueue.domain.backoff import Pause
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.domain.partitions import queue_of
from jobqueue.domain.tasks import end
from jobqueue.worker.clock import monotonic_us
from jobqueue.worker.held import Held, Pool
from jobqueue.worker.outages import Outages
from jobqueue.worker.queues import QueueOrder
from jobqueue.worker.requests import PART, Requests
from jobqueue.worker.room import Room
from jobqueue.worker.tokens import Tokens

log = logging.getLogger("jobqueue.worker")

LAST_LOOK = 2.0  # seconds in which a stopping worker asks what it owns
# Slots of a fetch that waits: should the worker freeze meanwhile, so many jobs wait for its lease.
FEW = 16
BRIEF = 0.003  # seconds in which what was just taken may end, so that nothing runs

Start = Callable[[str, Sequence[Delivery], int], None]
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
        start: Starts deliveries; gets queue, deliveries and the clock's offset in µs.
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
        patience = min(server.patience, limits.lease_ms * 2 / 5000)
        self._lane: Lane = server.lane(patience)
        self._overdue = patience + limits.lease_ms / 1000 * PART
        self._requests = Requests(self._lane, calls, worker, limits, pool.asked)
        self._order = queues
        self._queues = queues.names
        self._pool = pool
        self._room = Room(pool, queues.names, most_of).of
        self._start = start
        self._prepare = prepare
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
            lambda queue: not self._quiet and self._room(queue) > 0,
            self._outages,
        )
        self._empty: set[str] = set()  # left with nothing to take; a token says when there is more
        self._all_due = 0.0  # by the loop's clock
        self._one = len(queues.names) == 1 and not server.is_cluster
        self._sleep: asyncio.Task[None] | None = None
        self._full: set[str] = set()  # queues whose journal is past its bound
        self._error = ""
        self.fetches = 0  # that Redis has answered, whatever it said
        self.refusal = ""  # why the last one failed, until another is answered
        self._quiet = False
        self._stopping = asyncio.Event()

    def doubt(self, queue: str) -> None:
        """Compare what we hold in ``queue`` with what Redis says, before the next fetch."""
        self._doubtful.add(queue)
        self._pool.changed.set()

    def quiet(self) -> None:
        """Fetch no more, and leave the running jobs alone."""
        self._quiet = True
        if self._sleep is not None:
            self._sleep.cancel()  # else Redis would still carry out a fetch that waits there

    def go_on(self) -> None:
        """Fetch again after :meth:`quiet`."""
        self._quiet = False
        self._pool.changed.set()

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
        return self.starting and any(self._room(queue) > 0 for queue in self._queues)

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
                    self._error = self.refusal = str(error)
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
        self._empty.difference_update(self._tokens.heard())
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

    async def _until(self, stopping: "asyncio.Task[Any]", work: Coroutine[Any, Any, None]) -> None:
        """Wait for ``work``, or give it up when the worker is to stop or to take nothing more."""
        task = self._sleep = asyncio.create_task(work)
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._sleep = None
            if not task.done():
                await end(task)
        if not task.cancelled() and (error := task.exception()):
            raise error

    async def _wait(self) -> None:
        """Sleep until a token comes, or a queue has room again, or can be reached again."""
        self._pool.changed.clear()  # first: what changes from here on is heard below
        usable = [q for q in self._queues if self._room(q) > 0 and self._outages.tried(q)]
        if self._one and usable and await self._runs_nothing():
            # Of several queues nobody knows yet which one a token will be for.
            await self._fetch_at_token(*usable)
            return
        some = len(usable) < len(self._queues)
        changed = self._pool.changed if some else None
        self._empty.difference_update(await self._tokens.wait(usable, changed))

    async def _runs_nothing(self) -> bool:
        """Say whether nothing runs here, or soon does, and no read waits for the token already."""
        if self._tokens.reading:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(BRIEF):
                while self._pool.working:
                    await self._pool.changed.wait()
                    self._pool.changed.clear()
        return not self._pool.working

    async def _fetch(self, *, called: bool = False) -> bool:
        """Fill free slots from queues in their order; say whether to go on at once.

        A queue that was empty is passed over while it has no token, but for now and then: the
        fetch from one behind it looks for that, which costs little beside a fetch of its own.
        Once some were ``called``, no more are looked for, so that the one behind gets its turn.
        """
        now, passed = asyncio.get_running_loop().time(), list[str]()
        if self._lane.apart or now >= self._all_due:
            self._empty.clear()
            self._all_due = now + self._tokens.longest
        for queue in self._order.round():
            if self._pool.free <= 0:
                return True
            if queue in self._empty:
                passed.append(queue)
            elif self._room(queue) > 0 and self._outages.tried(queue):
                status = await self._fetch_of(queue, () if called else passed)
                if status == CALLED:
                    self._empty.difference_update(await self._requests.called(passed))
                    return await self._fetch(called=True)
                if status == MORE and self._room(queue) > 0:
                    return True  # a later queue gets nothing while this one may have more
        return False

    async def _fetch_of(self, queue: str, before: Sequence[str]) -> str | None:
        """Return what the answer says; None where one server of several can't be reached."""
        room, alone = self._room(queue), self._pool.last_lives > 0
        status = None
        with self._outages.of(queue):
            fetched = await self._requests.fetch(queue, room, before, alone=alone)
            status = fetched.status
            self._take(queue, fetched)
        if alone:
            self._empty.discard(queue)  # a job on its last life may wait there, with no token
        return status

    async def _fetch_at_token(self, queue: str) -> None:
        """Fetch as soon as a token comes, or when a while has passed.

        No other fetch runs meanwhile, so the slots that it names stay free.
        """
        slots, alone = min(FEW, self._room(queue)), self._pool.last_lives > 0
        began, longest = monotonic(), self._tokens.longest
        try:
            fetched = await self._requests.fetch_at_token(queue, slots, longest, alone=alone)
        except asyncio.CancelledError:
            self._doubtful.add(queue)  # Redis may have carried it out by now
            raise
        if monotonic() - began > self._overdue:
            # The event loop stood still: others may have by now what is handed to us here.
            self._doubtful.add(queue)
            return
        self._all_due = asyncio.get_running_loop().time() + longest  # this was all of them
        self._take(queue, fetched)

    def _take(self, queue: str, fetched: Fetched) -> None:
        """Start what came, and note what the answer says of the queue."""
        self.fetches += 1
        self.refusal = ""
        self._begin(queue, fetched)
        if fetched.status != CALLED:
            self._note(queue, fetched.status)
            more = fetched.status == MORE
            self._order.took(queue, len(fetched.deliveries), more=more)

    def _note(self, queue: str, status: str) -> None:
        if status == OK:
            self._empty.add(queue)
        else:
            self._empty.discard(queue)
        if status == STALE:
            self.doubt(queue)
        elif status != FULL:
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
                    if not self.starting:  # a fetch that was cut short may have taken the token
                        await self._requests.give_token(queue)

    async def _recover(self, queue: str) -> None:
        before = {token: held for token, held in self._pool.owned.items() if held.queue == queue}
        fetched = await self._requests.recover(queue)
        if fetched.status == STALE:
            return
        tokens = {d.token for d in fetched.deliveries}
        for token, held in before.items():
            if token not in tokens and token in self._pool.owned:
                self._drop(held)
        self._empty.discard(queue)
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

    def _begin(self, queue: str, fetched: Fetched) -> None:
        self._error = ""  # it has answered; the next sleep may be long
        self._start(queue, fetched.deliveries, fetched.now_us - monotonic_us())


def _past_bound(queue: str) -> str:
    return f"the journal of queue {queue_of(queue)} is past its bound: is a recorder running?"
