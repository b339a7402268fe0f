"""Keeps the tasks that a handler makes from ending the event loop.

asyncio lets ``SystemExit`` and ``KeyboardInterrupt`` of any task through to who runs the
loop: the worker would die of a ``sys.exit()`` in a helper, uncounted, and again on the next
worker. Where a handler runs, its tasks raise :class:`ProgramEnd` instead.
"""

import asyncio
import inspect
from collections.abc import Coroutine
from typing import Any

from jobqueue.domain import context


class ProgramEnd(BaseException):
    """A task tried to end the program; the cause is what it raised."""


def tame(loop: asyncio.AbstractEventLoop) -> None:
    """Watch tasks of handlers from here on; other tasks of the loop go on as they were.

    This stays when the worker has ended: another one may run on the loop.
    """
    before = loop.get_task_factory()
    if getattr(before, "tames", False):
        return

    def make(
        loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
    ) -> "asyncio.Future[Any]":
        if context.running.get(None) is not None and inspect.iscoroutine(coroutine):
            coroutine = _tamed(coroutine)
        if before is None:
            return asyncio.Task(coroutine, loop=loop, **options)
        return before(loop, coroutine, **options)

    make.tames = True  # type: ignore[attr-defined]
    loop.set_task_factory(make)


async def _tamed(coroutine: Coroutine[Any, Any, Any]) -> Any:
    try:
        return await coroutine
    except (SystemExit, KeyboardInterrupt) as error:
        raise ProgramEnd(type(error).__name__) from error
