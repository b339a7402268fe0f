"""A signal is heard at every moment of a service's life."""

import asyncio
import gc
import os
import signal
from collections.abc import Iterator

import pytest

from jobqueue.cli.process import serve
from jobqueue.probes.health import Health


@pytest.fixture(autouse=True)
def _seen_again() -> Iterator[None]:
    """Let the garbage collector look at everything behind a service, which ends its process."""
    yield
    gc.unfreeze()


class Waits:
    """A service that ends only when it is told to."""

    left = ()

    def __init__(self) -> None:
        self.told = asyncio.Event()

    async def run(self) -> None:
        """Wait to be told, and fail after three seconds of silence."""
        await asyncio.wait_for(self.told.wait(), 3)

    async def started(self) -> None:
        """Need no time to start."""

    def stop(self) -> None:
        """Be told."""
        self.told.set()

    def health(self) -> Health:
        """Be well."""
        return Health()


def test_a_signal_at_the_end_of_the_start_is_heard() -> None:
    """SIGTERM in the last stretch of the start, when there is nothing left to cancel."""

    async def make() -> Waits:
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGTERM)
        return Waits()

    serve(make)


def test_a_signal_during_the_start_ends_it() -> None:
    """SIGTERM while Redis is still being asked."""

    async def make() -> Waits:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()
        raise AssertionError("it was not stopped")

    serve(make)


def test_what_is_loaded_is_not_collected() -> None:
    """A full collection while the service runs does not look through all modules."""
    frozen = []

    class Looks(Waits):
        async def run(self) -> None:
            frozen.append(gc.get_freeze_count())

    async def make() -> Looks:
        return Looks()

    serve(make)
    assert frozen[0] > 10_000
