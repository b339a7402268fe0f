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

from jobqueue.worker.threads import Running, Threads


class CallerThread(Threads):
    """The thread that calls :meth:`run`, and waits there, takes the functions."""

    def __init__(self) -> None:
        self._wanted: SimpleQueue[Running | None] = SimpleQueue()

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a coroutine in an event loop of another thread; raise what it raises."""
        context = copy_context()
        with ThreadPoolExecutor(1, "jobqueue-inline") as loops:
            ended = loops.submit(context.run, lambda: asyncio.run(main()))
            ended.add_done_callback(lambda _: self._wanted.put(None))
            while (running := self._wanted.get()) is not None:
                running.run()
                self._loop.call_soon_threadsafe(running.end)
            ended.result()

    def start(
        self, function: Callable[[], Any], context: Context, begins: Callable[[], None]
    ) -> Running:
        """Hand ``function`` to the waiting thread; see :meth:`Threads.start`."""
        self._loop = asyncio.get_running_loop()
        running = Running(function, context, begins)
        running.begin()
        self._wanted.put(running)
        return running

    def withdraw(self, running: Running) -> None:
        """Do nothing: what was handed over has its thread."""
