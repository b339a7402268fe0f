"""Daemon threads for plain functions.

The standard pool joins its threads when the interpreter exits, so one handler
that hangs would keep a stopped worker alive for ever. These are left behind:
their jobs have been handed back by then.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context
from queue import SimpleQueue
from threading import Thread
from typing import Any

Work = tuple["asyncio.Future[Any]", Callable[[], Any], Context]


class Threads:
    """At most ``limit`` threads, started as they are needed.

    Args:
        limit: Most threads at once.
        loop: The loop on which results arrive.
    """

    def __init__(self, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._work: SimpleQueue[Work | None] = SimpleQueue()
        # Held by a function, not by who waits for it: nothing is ever queued behind a thread
        # that does not return, to run when its job has long been handed back.
        self._free = asyncio.Semaphore(limit)
        self._started = 0
        self._busy = 0

    async def start(self, function: Callable[[], Any], context: Context) -> "asyncio.Future[Any]":
        """Wait for a thread and start ``function`` there.

        Returns:
            A future that gets the pair of what it returned and what it raised.
        """
        await self._free.acquire()
        future: asyncio.Future[Any] = self._loop.create_future()
        self._busy += 1
        if self._busy > self._started:
            self._started += 1
            Thread(target=self._serve, name=f"jobqueue-{self._started}", daemon=True).start()
        self._work.put((future, function, context))
        return future

    def close(self) -> None:
        """Let idle threads end; busy ones end after their handler."""
        for _ in range(self._started):
            self._work.put(None)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            future, function, context = work
            try:
                result, error = context.run(function), None
            except BaseException as caught:  # noqa: BLE001 - SystemExit ends an attempt, not the thread
                result, error = None, caught
            del function, work
            try:
                self._loop.call_soon_threadsafe(self._done, future, result, error)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more
            del future, result, error  # a waiting thread keeps nothing alive

    def _done(
        self, future: "asyncio.Future[Any]", result: Any, error: BaseException | None
    ) -> None:
        self._busy -= 1
        self._free.release()
        future.set_result((result, error))
