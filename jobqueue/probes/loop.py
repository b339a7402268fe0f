"""Notices from a thread of its own that an event loop does not turn, and who blocks it.

Every half second the thread asks the loop for a sign. Where none comes for a second, a
handler computes or waits without giving the loop back: its name and its line are logged,
again after twice the time, and so on. Time in which the whole process stood still
(``SIGSTOP``, a sleeping machine) is nobody's fault and does not count.
"""

import asyncio
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable
from time import monotonic, process_time
from types import FrameType
from typing import Any

log = logging.getLogger("jobqueue")

EVERY = 0.5  # seconds between two looks
NOTICE = 1.0  # seconds without a sign that are worth a warning
LAST_WORDS = 1.0  # seconds to log the end: what blocks the loop may block the log

Task = asyncio.Task[Any]
Name = Callable[[Task | None, list[FrameType]], str | None]


class LoopWatch:
    """Watches the running loop, which is that of the thread that makes this.

    Args:
        name: Returns the name of the handler behind a task and its frames, the outermost
            first. Called from the watching thread.
        limit: Seconds after which a blocked loop ends the process; None for never.
    """

    def __init__(self, name: Name | None = None, limit: float | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._owner = threading.get_ident()
        self._name = name or _nobody
        self._limit = limit
        self._stopped = threading.Event()
        self._asked = self._answered = monotonic()
        self._waiting = False  # for a sign
        self._next = NOTICE
        self._reason: str | None = None
        self._thread = threading.Thread(target=self._run, name="jobqueue-watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._stopped.set()

    @property
    def problem(self) -> str | None:
        """Who blocks the loop, for how long, and where; None while it turns."""
        reason = self._reason
        if reason is None or not self._waiting:
            return None
        return f"the event loop is blocked for {monotonic() - self._asked:.1f} s: {reason}"

    def _run(self) -> None:
        looked, computed = monotonic(), process_time()
        while not self._stopped.wait(EVERY):
            now, cpu = monotonic(), process_time()
            late = now - looked - EVERY
            if late > NOTICE and cpu - computed < late / 2:
                self._asked += late  # the process stood still
            looked, computed = now, cpu
            self._look(now)

    def _look(self, now: float) -> None:
        if self._waiting:
            if now - self._asked >= self._next:
                self._report(now - self._asked)
            return
        if (took := self._answered - self._asked) >= NOTICE:
            log.warning("event loop was blocked", extra={"seconds": round(took, 1)})
        self._asked, self._waiting = now, True
        self._next, self._reason = NOTICE, None
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        self._answered, self._waiting = monotonic(), False

    def _report(self, seconds: float) -> None:
        task = asyncio.current_task(self._loop)
        frames = _frames(self._owner, task)
        name, place = self._name(task, frames), _place(frames)
        self._reason = f"{f'handler {name}' if name else 'no handler'} at {place}"
        fields = {"seconds": round(seconds, 1), "handler": name, "at": place}
        if self._limit is not None and seconds >= self._limit:
            _end(fields)
        log.warning("event loop blocked", extra=fields)
        self._next = min(2 * self._next, self._limit or 2 * self._next)


def _nobody(_task: Task | None, _frames: list[FrameType]) -> None:
    return None


def _frames(thread: int, task: Task | None) -> list[FrameType]:
    """Return the frames of a task, or all of a thread outside of one; the outermost first."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001 - the documented way to another thread's frames
    coroutine: Any = task.get_coro() if task else None
    root = getattr(coroutine, "cr_frame", None)
    found: list[FrameType] = []
    while frame is not None:
        found.append(frame)
        if frame is root:
            break
        frame = frame.f_back
    return found[::-1]


def _place(frames: list[FrameType]) -> str:
    """Return where the handler stands and what it has called there."""
    theirs = [each for each in frames if not _ours(each)] or frames
    shown = theirs if len(theirs) <= 3 else [theirs[0], *theirs[-2:]]  # noqa: PLR2004 - one line
    return " > ".join(
        f"{each.f_code.co_filename}:{each.f_lineno} in {each.f_code.co_name}" for each in shown
    )


def _ours(frame: FrameType) -> bool:
    module: str = frame.f_globals.get("__name__", "")
    return module.startswith(("jobqueue.worker.", "asyncio."))


def _end(fields: dict[str, Any]) -> None:
    """Leave now: nothing that the loop would have to do can be waited for."""
    threading.Timer(LAST_WORDS, os._exit, (1,)).start()
    log.error("event loop blocked past its limit; the process ends", extra=fields)
    logging.shutdown()
    os._exit(1)
