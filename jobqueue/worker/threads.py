"""Daemon threads for plain functions.

The standard pool joins its threads when the interpreter exits, so one handler
that hangs would keep a stopped worker alive for ever. These are left behind:
their jobs have been handed back by then.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context
from queue import SimpleQueue
from threading import Thread
from typing import Any

Waiter = asyncio.Future[None]


class Running:
    """A function on its way through a thread. Waiting for it can be cancelled, it can't.

    Args:
        function: What a thread shall call.
        context: In which.
        begins: Called on the loop when it gets a thread.

    Attributes:
        value: What it returned.
        error: What it raised.
    """

    __slots__ = ("_beginning", "_begins", "_begun", "_call", "_ending", "_over", "error", "value")

    def __init__(
        self, function: Callable[[], Any], context: Context, begins: Callable[[], None]
    ) -> None:
        self._call: tuple[Context, Callable[[], Any]] | None = (context, function)
        self._begins = begins
        self._begun = self._over = False
        self._beginning: Waiter | None = None
        self._ending: Waiter | None = None
        self.value: Any = None
        self.error: BaseException | None = None

    @property
    def wanted(self) -> bool:
        """Whether nobody has stopped waiting for it, which counts until it begins."""
        return not any(each and each.done() for each in (self._beginning, self._ending))

    def begin(self) -> None:
        """Note that it gets a thread, on the loop."""
        self._begun = True
        self._begins()
        _wake(self._beginning)

    def run(self) -> None:
        """Call the function, in a thread."""
        assert self._call  # noqa: S101 - nobody calls it twice
        (context, function), self._call = self._call, None
        try:
            value, error = context.run(function), None
        except BaseException as caught:  # noqa: BLE001 - SystemExit ends an attempt, not the thread
            value, error = None, caught
        self.value, self.error = value, error
        del self, value, error  # a traceback keeps this frame: it would hold itself

    def end(self) -> None:
        """Note that it has returned, on the loop."""
        self._over = True
        _wake(self._ending)

    async def begun(self, patience: float | None) -> bool:
        """Wait for a thread, for so many seconds at most; tell whether it has got one."""
        if not self._begun:
            self._beginning = _waiter()
            await _until(self._beginning, patience)
        return self._begun

    async def returned(self, patience: float | None) -> bool:
        """Wait until it has returned, for so many seconds at most; tell whether it has."""
        if not self._over:
            self._ending = _waiter()
            await _until(self._ending, patience)
        return self._over


class Threads:
    """At most ``limit`` threads, started as they are needed.

    Args:
        limit: Most threads at once.
        loop: The loop on which results arrive.
    """

    def __init__(self, limit: int, loop: asyncio.AbstractEventLoop) -> None:
        self._limit = limit
        self._loop = loop
        # What waits has no thread yet: nothing is ever queued behind a thread that does not
        # return, to run when its job has long been handed back.
        self._waiting: dict[Running, None] = {}
        self._work: SimpleQueue[Running | None] = SimpleQueue()
        self._started = 0
        self._busy = 0
        self._ended: deque[Running] = deque()
        self._called = False  # whether the loop has been asked to look at them

    def start(
        self, function: Callable[[], Any], context: Context, begins: Callable[[], None]
    ) -> Running:
        """Let a thread call ``function`` as soon as one is free, in the order of their coming."""
        running = Running(function, context, begins)
        if self._busy < self._limit:
            self._begin(running)
        else:
            self._waiting[running] = None
        return running

    def withdraw(self, running: Running) -> None:
        """Let a function that has no thread yet never get one."""
        self._waiting.pop(running, None)

    def close(self) -> None:
        """Let idle threads end; busy ones end after their handler."""
        for _ in range(self._started):
            self._work.put(None)

    def _begin(self, running: Running) -> None:
        running.begin()
        if self._busy == self._started:
            name = f"jobqueue-{self._started + 1}"
            Thread(target=self._serve, name=name, daemon=True).start()
            self._started += 1
        self._busy += 1
        self._work.put(running)

    def _serve(self) -> None:
        while (running := self._work.get()) is not None:
            running.run()
            self._ended.append(running)
            del running  # a waiting thread keeps nothing alive
            if self._called:
                continue  # waking the loop is dear: one call is for all that end until it comes
            self._called = True
            try:
                self._loop.call_soon_threadsafe(self._collect)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more

    def _collect(self) -> None:
        self._called = False  # first: what ends after our last look calls again
        while self._ended:
            self._busy -= 1
            self._ended.popleft().end()
        while self._waiting and self._busy < self._limit:
            running = next(iter(self._waiting))
            self.withdraw(running)
            if running.wanted:
                self._begin(running)


def _waiter() -> Waiter:
    return asyncio.get_running_loop().create_future()


def _wake(waiter: Waiter | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


async def _until(waiter: Waiter, patience: float | None) -> None:
    """Wait until it is woken, or for so many seconds."""
    if patience is None:
        await waiter
        return
    timer = asyncio.get_running_loop().call_later(patience, _wake, waiter)
    try:
        await waiter
    finally:
        timer.cancel()
