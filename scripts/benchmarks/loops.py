"""The event loop of every process here: uvloop where it is installed (extra ``fast``)."""

import asyncio
from collections.abc import Coroutine
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, TypeVar

T = TypeVar("T")

FAST = find_spec("uvloop") is not None


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a program on the fastest loop there is."""
    if not FAST:
        return asyncio.run(main)
    import uvloop

    return uvloop.run(main)


def name() -> str:
    """Return what the loop is, with its version."""
    return f"uvloop {version('uvloop')}" if FAST else "asyncio's own event loop"
