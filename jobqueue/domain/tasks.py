"""Tasks that never outlive who began them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def together() -> AsyncIterator[asyncio.TaskGroup]:
    """Give a group of tasks; the first that fails ends all of them and the block.

    Raises:
        Exception: What one of them raised, and no group of it: callers know it by its type.
    """
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait until it has ended.

    Who is cancelled himself meanwhile cancels it again, which ends its clean-up, and still waits:
    nobody would be there any more for what it does later.
    """
    task.cancel()
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        raise
