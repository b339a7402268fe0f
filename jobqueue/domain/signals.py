"""Something that happens once, seen from any thread and any event loop."""

import asyncio
import contextlib
import threading
from collections.abc import Generator


class Signal:
    """Starts unset and is set once.

    A handler in a thread or a child asks :meth:`is_set` or blocks in :meth:`wait`; an
    async one writes ``await signal``.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def set(self) -> None:
        """Let it happen."""
        with self._lock:
            self._event.set()
            waiting, self._waiting = self._waiting, []
        for loop, event in waiting:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and its waiter too
                loop.call_soon_threadsafe(event.set)

    def is_set(self) -> bool:
        """Return whether it has happened."""
        return self._event.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Block this thread until it happens; return whether it did within ``timeout`` seconds."""
        return self._event.wait(timeout)

    def __await__(self) -> Generator[object, None, None]:
        """Wait on the event loop until it happens."""
        event = asyncio.Event()
        with self._lock:
            if self._event.is_set():
                return
            waiter = (asyncio.get_running_loop(), event)
            self._waiting.append(waiter)
        try:
            yield from event.wait().__await__()
        finally:
            with self._lock, contextlib.suppress(ValueError):  # it has been woken
                self._waiting.remove(waiter)
