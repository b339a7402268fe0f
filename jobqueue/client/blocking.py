"""Keeps blocking calls off event loops.

One rule: it imports nothing of ours, so whoever refuses a call has not loaded Redis' client.
"""

import asyncio


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
