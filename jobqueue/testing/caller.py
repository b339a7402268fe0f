"""Runs an event loop beside a thread that has none, and plain functions in that thread.

A handler that is a plain function then sees what its caller sees: the connection and the
transaction of a test often belong to a thread.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from queue import SimpleQueue
from typing import Any

from jobqueue.worker.threads import Threads

Work = tuple["asyncio.Future[Any]", Callable[[], Any], Context]


class CallerThread(Threads):
    """The thread that calls :meth:`run`, and waits there, takes the functions."""

    def __init__(self) -> None:
        self._wanted: SimpleQueue[Work | None] = SimpleQueue()

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a coroutine in an event loop of another thread; raise what it raises."""
        context = copy_context()
        with ThreadPoolExecutor(1, "jobqueue-inline") as loops:
            ended = loops.submit(context.run, lambda: asyncio.run(main()))
            ended.add_done_callback(lambda _: self._wanted.put(None))
            while (work := self._wanted.get()) is not None:
                self._serve_one(*work)
            ended.result()

    async def start(self, function: Callable[[], Any], context: Context) -> "asyncio.Future[Any]":
        """Hand ``function`` to the waiting thread; see :meth:`Threads.start`."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._wanted.put((future, function, context))
        return future

    @staticmethod
    def _serve_one(
        future: "asyncio.Future[Any]", function: Callable[[], Any], context: Context
    ) -> None:
        answer: tuple[Any, BaseException | None]
        try:
            answer = context.run(function), None
        except BaseException as caught:  # noqa: BLE001 - SystemExit ends an attempt, not the thread
            answer = None, caught
        future.get_loop().call_soon_threadsafe(future.set_result, answer)
