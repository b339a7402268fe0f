"""Wait for a condition, never for a time.

A test says what it waits for and until when; the wait ends as soon as the condition
holds, and its failure names the condition.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")

DEADLINE = 30.0
"""Seconds; generous, since only a failing test waits that long."""

PAUSE = 0.01


@overload
async def wait_until(
    condition: Callable[[], Awaitable[T]], *, description: str, deadline: float = DEADLINE
) -> T: ...
@overload
async def wait_until(
    condition: Callable[[], T], *, description: str, deadline: float = DEADLINE
) -> T: ...
async def wait_until(
    condition: Callable[[], Any], *, description: str, deadline: float = DEADLINE
) -> Any:
    """Return the first true answer of ``condition``, a plain or an async function.

    Raises:
        AssertionError: ``deadline`` seconds have gone by; the message has ``description``.
    """
    end = time.monotonic() + deadline
    while True:
        answer = condition()
        value = await answer if inspect.isawaitable(answer) else answer
        if value:
            return value
        _check(end, description, deadline)
        await asyncio.sleep(PAUSE)


def wait_until_sync(
    condition: Callable[[], T], *, description: str, deadline: float = DEADLINE
) -> T:
    """Do what ``wait_until`` does, outside an event loop."""
    end = time.monotonic() + deadline
    while not (value := condition()):
        _check(end, description, deadline)
        time.sleep(PAUSE)
    return value


def _check(end: float, description: str, deadline: float) -> None:
    if time.monotonic() > end:
        raise AssertionError(f"not within {deadline:g} s: {description}")
