"""Waits for outcomes on one event loop, without polling.

A waiter leaves the name of this inbox with the job; ``finish`` answers into it. The
answer is for speed only: after an error, and every ten seconds, the jobs are
asked for again, so a lost one costs seconds and nothing else.
"""

import asyncio
import secrets
import time
from collections import defaultdict

from jobqueue.broker.calls import Calls, Watched, watched
from jobqueue.broker.lanes import Lane, Server
from jobqueue.client.outcomes import WAITING
from jobqueue.domain.errors import BrokerUnavailable

BLOCK = 2  # seconds of one blocking read
ASK_AGAIN = 10.0  # seconds


class Inbox:
    """The waiters of one queue on one event loop.

    Args:
        server: Where Redis is.
        calls: Makes the calls.
        queue: Queue of the jobs.
        patience: Seconds to go on trying when Redis does not answer.
    """

    def __init__(self, server: Server, calls: Calls, queue: str, patience: float) -> None:
        self._asking: Lane = server.lane()
        self._reading: Lane = server.lane()
        self._asks = asyncio.Lock()
        self._calls = calls
        self._queue = queue
        self._patience = patience
        self._name = secrets.token_hex(8)
        self._waiters: defaultdict[str, set[asyncio.Future[Watched]]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    async def wait(self, job_id: str) -> Watched:
        """Return what the job came to, as soon as it has ended, or that it is gone.

        Raises:
            BrokerUnavailable: Redis can't be reached.
        """
        future: asyncio.Future[Watched] = asyncio.get_running_loop().create_future()
        self._waiters[job_id].add(future)
        try:
            first = await self._ask(job_id)
            if first.state != WAITING:
                return first
            if self._task is None:
                self._task = asyncio.create_task(self._read())
            return await future
        finally:
            self._waiters[job_id].discard(future)
            if not self._waiters[job_id]:
                del self._waiters[job_id]

    async def close(self) -> None:
        """Stop reading and close the connections."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        await self._asking.close()
        await self._reading.close()

    async def _ask(self, job_id: str) -> Watched:
        async with self._asks:
            return await self._asking.call(self._calls.watch(self._queue, job_id, self._name))

    async def _read(self) -> None:
        key = self._calls.keys.inbox(self._queue, self._name)
        asked = answered = time.monotonic()
        try:
            while self._waiters:
                try:
                    if time.monotonic() - asked > ASK_AGAIN:
                        asked = time.monotonic()
                        await self._ask_all()
                    message = await self._reading.command("BLPOP", key, BLOCK, wait=BLOCK)
                    answered = time.monotonic()
                except BrokerUnavailable as error:
                    asked = 0.0
                    if time.monotonic() - answered > self._patience:
                        self._fail(error)
                        return
                    await asyncio.sleep(min(1.0, self._patience / 10))
                    continue
                if message is not None:
                    self._deliver(watched.decode(message[1]))
        finally:
            self._task = None

    async def _ask_all(self) -> None:
        for job_id in list(self._waiters):
            found = await self._ask(job_id)
            if found.state != WAITING:
                self._deliver(found)

    def _deliver(self, found: Watched) -> None:
        for future in self._waiters.get(found.id, ()):
            if not future.done():
                future.set_result(found)

    def _fail(self, error: BrokerUnavailable) -> None:
        for waiters in self._waiters.values():
            for future in waiters:
                if not future.done():
                    future.set_exception(error)
