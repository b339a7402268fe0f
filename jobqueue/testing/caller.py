"""Runs an event loop beside a thread that has none, and plain functions in that thread.

A handler that is a plain function then sees what its caller sees: the connection and the
transaction of a test often belong to a thread.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any

from jobqueue.worker.threads import Call, Threads


class CallerThread(Threads):
    """The thread that calls :meth:`run`, and waits there, takes the functions."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Call | None] = SimpleQueue()

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a coroutine in an event loop of another thread; raise what it raises."""
        context = copy_context()
        with ThreadPoolExecutor(1, "jobqueue-inline") as loops:
            ended = loops.submit(context.run, lambda: asyncio.run(main()))
            ended.add_done_callback(lambda _: self._calls.put(None))
            while (call := self._calls.get()) is not None:
                call.run()
                self._loop.call_soon_threadsafe(call.end)
            ended.result()

    def start(self, call: Call) -> None:
        """Hand it to the waiting thread; see :meth:`Threads.start`."""
        self._loop = asyncio.get_running_loop()
        call.begin()
        self._calls.put(call)

    def withdraw(self, call: Call) -> None:
        """Do nothing: what was handed over has its thread."""
