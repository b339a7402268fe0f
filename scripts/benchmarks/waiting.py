"""Waiting for what servers and other processes do, with an end."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from scripts.benchmarks.figures import Broken
from scripts.benchmarks.stage import POLL


def _nothing() -> None:
    """Find nothing wrong."""


async def until(
    done: Callable[[], Awaitable[bool]],
    patience: float,
    late: Callable[[], str],
    *,
    check: Callable[[], None] = _nothing,
    poll: float = POLL,
) -> int:
    """Ask again and again until it is done; return how often.

    Args:
        done: What is asked.
        patience: Seconds.
        late: Says what is wrong when they are over.
        check: Raises when waiting has no sense any more.
        poll: Seconds between two questions.

    Raises:
        Broken: It was not done in time.
    """
    deadline, polls = time.monotonic() + patience, 1
    while not await done():
        check()
        if time.monotonic() > deadline:
            raise Broken(f"{late()} in {patience:g} s")
        polls += 1
        await asyncio.sleep(poll)
    return polls
