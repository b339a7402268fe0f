"""Waits for outcomes on one event loop, without polling.

A waiter leaves the name of this inbox with the job; ``finish`` answers into it. The
answer is for speed only: after an error, and every ten seconds, the jobs are
asked for again, so a lost one costs seconds and nothing else.
"""

import asyncio
import secrets
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy

from jobqueue.broker.lanes import Lane
from jobqueue.broker.messages import Watched, watched
from jobqueue.client.handle import Wanted, Watcher
from jobqueue.client.outcomes import PROGRESS, WAITING, told
from jobqueue.client.wire import Wire
from jobqueue.domain.backoff import Pause
from jobqueue.domain.errors import BrokerUnavailable, ResultTimeout

BLOCK = 2  # seconds of one blocking read
ASK_AGAIN = 10.0  # seconds
ASK = 1.0  # seconds for the first question, however short a waiter's timeout is


class Inbox:
    """The waiters of one queue on one event loop.

    Args:
        wire: Where Redis is, and how to talk to it.
        queue: Queue of the jobs, or their partition.
    """

    def __init__(self, wire: Wire, queue: str) -> None:
        self._asking: Lane = wire.server.lane()
        self._reading: Lane = wire.server.lane()
        self._asks = asyncio.Lock()
        self._calls = wire.calls
        self._queue = queue
        self._patience = wire.patience
        self._problem: BrokerUnavailable | None = None  # while Redis is away
        self._name = secrets.token_hex(8)
        self._waiters: defaultdict[str, set[asyncio.Future[Watched]]] = defaultdict(set)
        self._watchers: defaultdict[str, list[Watcher]] = defaultdict(list)
        self._task: asyncio.Task[None] | None = None

    async def wait(self, wanted: Wanted) -> Watched:
        """Return what a job came to, as soon as it has ended, or that it is gone.

        Raises:
            ResultTimeout: It has not ended in time.
            BrokerUnavailable: Redis can't be reached, or the app was closed.
        """
        began, timeout = asyncio.get_running_loop().time(), wanted.timeout
        with self._waiting(wanted.job_id, wanted.watcher) as future:
            try:
                # Who has no time to wait may still ask once.
                async with asyncio.timeout(None if timeout is None else max(timeout, ASK)) as limit:
                    found = await self._ask(wanted.job_id)
                    if found.state != WAITING:
                        return found
                    if timeout is not None:
                        limit.reschedule(began + timeout)
                    if self._task is None:
                        self._task = asyncio.create_task(self._read())
                    return await future
            except TimeoutError:
                if self._problem is not None:
                    raise copy(self._problem) from None
                raise ResultTimeout(wanted.job_id) from None

    @contextmanager
    def _waiting(self, job_id: str, watcher: Watcher | None) -> "Iterator[asyncio.Future[Watched]]":
        """Give what gets the answer, and leave nothing of it behind."""
        future: asyncio.Future[Watched] = asyncio.get_running_loop().create_future()
        self._waiters[job_id].add(future)
        if watcher is not None:
            self._watchers[job_id].append(watcher)
        try:
            yield future
        finally:
            if future.done() and not future.cancelled():
                future.exception()  # it may have been told another one: asyncio shall not log this
            self._waiters[job_id].discard(future)
            if not self._waiters[job_id]:
                del self._waiters[job_id]
            if watcher is not None:
                self._watchers[job_id].remove(watcher)
                if not self._watchers[job_id]:
                    del self._watchers[job_id]

    async def close(self) -> None:
        """Stop reading and close the connections; who still waits is told so."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._fail(BrokerUnavailable("the app was closed before the job had ended"))
        await self._asking.close()
        await self._reading.close()

    async def _ask(self, job_id: str) -> Watched:
        """Ask for a job, and go on asking while Redis can't be reached."""
        deadline, pause = time.monotonic() + self._patience, Pause()
        while True:
            try:
                async with self._asks:
                    call = self._calls.watch(self._queue, job_id, self._name)
                    found = await self._asking.call(call)
                    self._problem = None
                    return found
            except BrokerUnavailable as error:
                self._problem = error
                if time.monotonic() > deadline:
                    raise
                await pause.wait()

    async def _read(self) -> None:
        pause = Pause()
        try:
            while self._waiters:
                await self._read_until_lost(pause)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            self._fail(error)
        finally:
            self._task = None

    async def _read_until_lost(self, pause: Pause) -> None:
        """Deliver answers while there are waiters and Redis can be reached."""
        key = self._calls.keys.inbox(self._queue, self._name)
        asked = time.monotonic()
        try:
            while self._waiters:
                message = await self._reading.take([key], BLOCK)
                pause.reset()
                if message is not None:
                    self._deliver(watched.decode(message[1]))
                if time.monotonic() - asked > ASK_AGAIN:
                    asked = time.monotonic()
                    await self._ask_all()
        except BrokerUnavailable:
            await pause.wait()
            await self._ask_all()  # an answer may have been lost on the way

    async def _ask_all(self) -> None:
        for job_id in list(self._waiters):
            found = await self._ask(job_id)
            if found.state != WAITING:
                self._deliver(found)

    def _deliver(self, found: Watched) -> None:
        if found.state == PROGRESS:
            for watcher in self._watchers.get(found.id, ()):
                told(watcher, found)
            return
        for future in self._waiters.get(found.id, ()):
            if not future.done():
                future.set_result(found)

    def _fail(self, error: Exception) -> None:
        for waiters in self._waiters.values():
            for future in waiters:
                if not future.done():
                    future.set_exception(copy(error))  # each raises one of its own
