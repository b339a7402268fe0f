"""What belongs to one event loop: connections can't be shared between loops."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from jobqueue.client.dispatch import Dispatch
from jobqueue.client.inbox import Inbox
from jobqueue.client.wire import Wire


class OnLoop:
    """Sends jobs and waits for results on the event loop that runs now.

    Args:
        wire: Where Redis is, and how to talk to it.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.dispatch = Dispatch(wire)
        self._inboxes: dict[str, Inbox] = {}
        self._end = self._until_the_end()
        with contextlib.suppress(StopIteration):  # it has no await in front of its yield
            anext(self._end).send(None)

    def inbox(self, queue: str) -> Inbox:
        """Return what waits for the jobs of a queue or partition."""
        if queue not in self._inboxes:
            self._inboxes[queue] = Inbox(self._wire, queue)
        return self._inboxes[queue]

    async def close(self) -> None:
        """Close every connection of this loop."""
        await self._end.aclose()

    async def _until_the_end(self) -> AsyncGenerator[None, None]:
        """Close with the loop, if nobody does before: it ends open generators when it ends."""
        try:
            yield
        finally:
            await self.dispatch.close()
            for inbox in self._inboxes.values():
                await inbox.close()


class Loops:
    """What each event loop of this process has.

    Args:
        wire: Where Redis is, and how to talk to it.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._loops: dict[asyncio.AbstractEventLoop, OnLoop] = {}

    def here(self) -> OnLoop:
        """Return what the event loop has that runs now."""
        loop = asyncio.get_running_loop()
        here = self._loops.get(loop)
        if here is None:
            self._forget_ended()
            here = self._loops[loop] = OnLoop(self._wire)
        return here

    def _forget_ended(self) -> None:
        """Forget loops that have ended, and closed their connections then."""
        for loop in list(self._loops):
            if loop.is_closed():
                self._loops.pop(loop, None)

    async def close(self) -> None:
        """Close the connections of the event loop that runs now."""
        self._forget_ended()
        here = self._loops.pop(asyncio.get_running_loop(), None)
        if here is not None:
            await here.close()

    def close_stopped(self) -> None:
        """Close the connections of every event loop that stands still."""
        self._forget_ended()
        for loop in list(self._loops):
            if not loop.is_running():
                loop.run_until_complete(self.close())
