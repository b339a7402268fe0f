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


class Call:
    """A function's way through a thread. Who waits can give up; what runs can't be stopped.

    Args:
        function: What a thread shall call.
        context: In which.
        begins: Called in the same context, on the loop, when there is a thread for it.

    Attributes:
        value: What it returned.
        error: What it raised.
    """

    __slots__ = ("_beginning", "_begins", "_begun", "_ending", "_over", "_work", "error", "value")

    def __init__(
        self, function: Callable[[], Any], context: Context, begins: Callable[[], None]
    ) -> None:
        self._work: tuple[Context, Callable[[], Any]] | None = (context, function)
        self._begins = begins
        self._begun = self._over = False
        self._beginning: Waiter | None = None
        self._ending: Waiter | None = None
        self.value: Any = None
        self.error: BaseException | None = None

    @property
    def wanted(self) -> bool:
        """Whether nobody who waits has given up; asked before it begins."""
        return not any(each and each.done() for each in (self._beginning, self._ending))

    def begin(self) -> None:
        """Note that there is a thread for it, on the loop."""
        assert self._work  # noqa: S101 - it has not run yet
        context, _ = self._work
        self._begun = True
        context.run(self._begins)  # which may be the loop's own turn, without the job's context
        _wake(self._beginning)

    def run(self) -> None:
        """Call the function, in a thread."""
        assert self._work  # noqa: S101 - nobody calls it twice
        (context, function), self._work = self._work, None
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
        # return, to run when its job has long been handed back. A dict, for what is withdrawn.
        self._waiting: dict[Call, None] = {}
        self._work: SimpleQueue[Call | None] = SimpleQueue()
        self._started = 0
        self._busy = 0
        self._ended: deque[Call] = deque()
        self._look_due = False  # whether the loop has been asked to look at them

    def start(self, call: Call) -> None:
        """Let it run as soon as a thread is free; first come, first served."""
        if self._busy < self._limit:
            self._begin(call)
        else:
            self._waiting[call] = None

    def withdraw(self, call: Call) -> None:
        """Let what has no thread yet never get one."""
        self._waiting.pop(call, None)

    def close(self) -> None:
        """Let idle threads end; busy ones end after their handler."""
        for _ in range(self._started):
            self._work.put(None)

    def _begin(self, call: Call) -> None:
        call.begin()
        if self._busy == self._started:
            name = f"jobqueue-{self._started + 1}"
            Thread(target=self._serve, name=name, daemon=True).start()
            self._started += 1
        self._busy += 1
        self._work.put(call)

    def _serve(self) -> None:
        while (call := self._work.get()) is not None:
            call.run()
            self._ended.append(call)
            del call  # a waiting thread keeps nothing alive
            if self._look_due:
                continue  # waking the loop is expensive: one look is for all that end before it
            self._look_due = True
            try:
                self._loop.call_soon_threadsafe(self._collect)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more

    def _collect(self) -> None:
        self._look_due = False  # first: what ends after our look asks for another
        while self._ended:
            self._busy -= 1
            self._ended.popleft().end()
        while self._waiting and self._busy < self._limit:
            call = next(iter(self._waiting))
            del self._waiting[call]
            if call.wanted:
                self._begin(call)


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
