"""Stands between services and a server, and does to their lines what networks do.

It runs on an event loop in a thread of its own; the methods may be called from any thread.
"""

import asyncio
import threading
from collections.abc import Callable
from random import Random
from typing import Any, Self

from scripts.faults.line import End, Line

START = 10.0  # seconds


class Proxy:
    """A TCP port of this host that leads to a Unix socket.

    Args:
        socket: The server's.
        random: Chooses what is broken.
    """

    def __init__(self, socket: str, random: Random) -> None:
        self.port = 0
        self._socket = socket
        self._random = random
        self._open = True
        self._loss = 0.0
        self._lines: set[Line] = set()
        self._loop = asyncio.new_event_loop()
        self._connecting: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(START)
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        self._do(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Break every line; new ones may be made."""
        self._do(self._cut)

    def refuse(self) -> None:
        """Break every line and all that are made until ``accept``."""
        self._open = False
        self.cut()

    def accept(self) -> None:
        """Let lines be made again."""
        self._open = True

    def lose_replies(self, share: float) -> None:
        """Break this share of the lines at a reply, which the client never gets; 0 ends it."""
        self._loss = share

    def deafen(self, share: float) -> None:
        """Swallow, on this share of the lines that are there, what goes one way or both ways."""
        self._do(self._deafen, share)

    def _do(self, action: Callable[..., object], *args: Any) -> None:
        self._loop.call_soon_threadsafe(action, *args)

    def _cut(self) -> None:
        for line in list(self._lines):
            line.cut()

    def _deafen(self, share: float) -> None:
        for line in list(self._lines):
            if self._random.random() < share:
                line.deaf[:] = self._random.choice([[True, False], [False, True], [True, True]])

    async def _listen(self) -> int:
        server = await self._loop.create_server(self._accept, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def _accept(self) -> End:
        line = Line(self._loses, self._lines.discard)
        self._lines.add(line)
        task = self._loop.create_task(self._connect(line))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return line.ends[0]

    async def _connect(self, line: Line) -> None:
        try:
            if not self._open:
                raise ConnectionRefusedError
            await self._loop.create_unix_connection(lambda: line.ends[1], self._socket)
        except OSError:
            line.cut()

    def _loses(self) -> bool:
        return self._loss > 0 and self._random.random() < self._loss
