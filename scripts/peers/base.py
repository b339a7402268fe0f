"""What every peer does; runs in the peer's own environment."""

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Sequence
from typing import Any

AT_ONCE = 100

Value = int | str
"""0, or when the job was sent (``time.monotonic_ns``), or text that only takes room."""


def url() -> str:
    """Return where the peer's broker is."""
    return os.environ["PEER_URL"]


class Peer(ABC):
    """One queue. The handler of its only job calls ``tally.note(value)``.

    A peer whose calls block makes them in these coroutines all the same: nothing else runs in
    the process.
    """

    async def install(self) -> None:  # noqa: B027 - most need nothing
        """Make what an empty server must have, such as tables."""

    async def open(self) -> None:  # noqa: B027 - many connect by themselves
        """Connect a producer."""

    async def close(self) -> None:  # noqa: B027 - the process ends anyway
        """Disconnect the producer."""

    @abstractmethod
    async def one(self, value: Value) -> None:
        """Enqueue a job and wait until it is stored."""

    async def hundred(self) -> None:
        """Enqueue 100 jobs that are there at once, in the fastest way there is."""
        await self.bulk([0] * AT_ONCE)

    async def bulk(self, values: Sequence[Value]) -> None:
        """Enqueue many jobs in the fastest way there is; concurrently where there is none."""
        for first in range(0, len(values), AT_ONCE):
            await asyncio.gather(*[self.one(value) for value in values[first : first + AT_ONCE]])

    @abstractmethod
    def work(self) -> None:
        """Run one worker process until it is told to end, by SIGTERM."""


def run(main: Coroutine[Any, Any, object]) -> None:
    """Run a program on uvloop where the peer's environment has it."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)
