"""Blocking forms of asynchronous calls; kept off event loops.

One rule: it imports nothing of ours, so whoever refuses a call has not loaded Redis' client.
"""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

Q = ParamSpec("Q")
R = TypeVar("R")
S = TypeVar("S")


def blocking(
    method: Callable[Concatenate[S, Q], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[S, Q], R]:
    """Return the ``_sync`` form of a method: it runs the other one in an event loop of its own."""
    name = method.__name__

    @functools.wraps(method)
    def call(self: S, /, *args: Q.args, **kwargs: Q.kwargs) -> R:
        refuse_loop(call.__name__, f"await {name}(...)")
        # Looked up now: a subclass may have a method of its own.
        run: Callable[Q, Coroutine[Any, Any, R]] = getattr(self, name)
        return asyncio.run(run(*args, **kwargs))

    call.__name__ = f"{name}_sync"
    call.__qualname__ = f"{method.__qualname__}_sync"
    call.__doc__ = f"The form of :meth:`{name}` for programs without an event loop."
    return call


def refuse_loop(method: str, instead: str) -> None:
    """Refuse a blocking call on a thread that runs an event loop.

    Args:
        method: What was called.
        instead: What to write in its place.

    Raises:
        RuntimeError: An event loop runs here; the call would stop it.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(f"{method}() would block the event loop that runs here; use {instead}")
