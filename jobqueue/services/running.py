"""What a service is to those who run it, and how one runs beside other code."""

import asyncio
import gc
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

from jobqueue.probes.health import Health


class Runs(Protocol):
    """A worker, scheduler or recorder."""

    def run(self) -> Coroutine[Any, Any, None]:
        """Run until stopped."""

    async def started(self) -> None:
        """Wait until it does its duty."""

    def stop(self) -> None:
        """Stop soon; asked twice, at once."""

    @property
    def left(self) -> Sequence[str]:
        """Ids of jobs whose handlers did not end with it: the process should, at once."""

    def health(self) -> Health:
        """Say what keeps it from its duty; from any thread."""


S = TypeVar("S", bound=Runs)


def freeze_what_is_loaded() -> None:
    """Take what exists now out of the garbage collector's sight, once all is loaded.

    Modules and the app live as long as the process. Full collections would walk through them
    all the same, and stop a worker's loop for tens of milliseconds each time.
    """
    gc.collect()
    gc.freeze()


@asynccontextmanager
async def running(service: S) -> AsyncIterator[S]:
    """Run a service beside the block, and stop it at the block's end.

    A service that can't start raises its error before the block begins.
    """
    task = asyncio.create_task(service.run())
    await _started(service, task)
    try:
        yield service
    finally:
        service.stop()
        await task


async def _started(service: Runs, task: "asyncio.Task[None]") -> None:
    """Wait until the service does its duty; when we are cancelled before, so is it."""
    started = asyncio.create_task(service.started())
    try:
        await asyncio.wait({task, started}, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        raise
    finally:
        started.cancel()
    if task.done():
        task.result()
