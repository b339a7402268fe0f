"""One connection through the proxy, and what can happen to it."""

import asyncio
from collections.abc import Callable
from typing import cast


class End(asyncio.Protocol):
    """One end of a line: hands on what comes in, unless the line was broken."""

    def __init__(self, line: "Line", *, reply: bool) -> None:
        self._line = line
        self._reply = reply
        self.transport: asyncio.Transport | None = None
        self.other: End | None = None
        self.waiting: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send what has come in the meantime."""
        self.transport = cast("asyncio.Transport", transport)
        if self._line.broken:  # while this end was being made
            self.transport.abort()
        for data in self.waiting:
            self.transport.write(data)
        self.waiting.clear()

    def data_received(self, data: bytes) -> None:
        """Hand it on, swallow it, or break the line in its stead."""
        if self._line.deaf[self._reply]:
            return
        if self._reply and self._line.loses():
            self._line.cut()
        elif self.other is not None:
            self.other.hand_out(data)

    def hand_out(self, data: bytes) -> None:
        """Send on the other side; keep it while that side is being connected."""
        if self.transport is None:
            self.waiting.append(data)
        else:
            self.transport.write(data)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Break the other side too."""
        # A deaf line stays open at the other end: whoever is there hears nothing of it.
        if not (self._reply and any(self._line.deaf)):
            self._line.cut()


class Line:
    """One connection and its continuation to the server.

    Attributes:
        deaf: Whether requests and whether replies are swallowed.
        broken: Whether it was cut.
        ends: The client's end and the server's.
    """

    def __init__(self, loses: Callable[[], bool], forget: Callable[["Line"], None]) -> None:
        self.deaf = [False, False]
        self.broken = False
        self.loses = loses
        self._forget = forget
        self.ends = (End(self, reply=False), End(self, reply=True))
        self.ends[0].other, self.ends[1].other = self.ends[1], self.ends[0]

    def cut(self) -> None:
        """Break it at once, in both directions."""
        self.broken = True
        self._forget(self)
        for end in self.ends:
            if end.transport is not None:
                end.transport.abort()
