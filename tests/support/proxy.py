"""Stands between a service and Redis on a Unix socket, and loses what a test tells it to.

A script is known by its SHA-1, so a connection's requests pass unread but for that. The
first use of a script (``EVAL``) is its own request; run each script once before, or
use a server that knows them.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from jobqueue.broker.scripts import script

NAMES = (
    "enqueue", "fetch", "finish", "fire", "promote", "reclaim", "recorded", "recover",
    "redrive", "release", "renew", "watch",
)  # fmt: skip
CHUNK = 1 << 16


class Proxy:
    """One way to a server that a test can break.

    Attributes:
        seen: How often each script was asked for.
        refused: How many connections came while it was closed.
        waiting: How many answers of each script have been made to wait.
    """

    def __init__(self, server: str, path: Path) -> None:
        self.url = f"unix://{quote(str(path))}"
        self.seen: Counter[str] = Counter()
        self.refused = 0
        self.waiting: Counter[str] = Counter()
        self._server = unquote(server.removeprefix("unix://"))
        self._marks = {script(name).sha.encode(): name for name in NAMES}
        self._lose: Counter[str] = Counter()
        self._open = True
        self._blocked: set[str] = set()
        self._held: set[str] = set()
        self._freed = asyncio.Event()
        self._ends: set[asyncio.StreamWriter] = set()
        self._served: set[asyncio.Task[Any]] = set()

    def know(self, text: str) -> None:
        """Know calls by a part of their text too, as scripts by their names."""
        self._marks[text.encode()] = text

    def lose_reply(self, name: str, times: int = 1) -> None:
        """Let Redis carry out the next calls of a script, and cut the line before their answers."""
        self._lose[name] += times

    def lost(self) -> bool:
        """Say whether everything that was to be lost is lost."""
        return not +self._lose

    def block(self, name: str) -> None:
        """Cut the line of each call of a script before Redis has the call."""
        self._blocked.add(name)

    def hold(self, name: str) -> None:
        """Let answers of a script wait until they are freed."""
        self._held.add(name)
        self._freed.clear()

    def strand(self, name: str) -> None:
        """Let answers of a script that wait go on waiting; later ones pass."""
        self._held.discard(name)

    def free(self) -> None:
        """Let calls through again, and answers that were held go on their way."""
        self._blocked.clear()
        self._held.clear()
        self._freed.set()

    def close(self) -> None:
        """Cut every line and refuse new ones."""
        self._open = False
        self.cut()

    def open(self) -> None:
        """Let lines be made again."""
        self._open = True

    def cut(self) -> None:
        """Cut every line; new ones may be made."""
        for end in self._ends:
            end.transport.abort()

    async def finish(self) -> None:
        """Cut every line for good and wait until nothing is left of them."""
        self.free()
        self.close()
        while self._served:
            await asyncio.wait(self._served)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side or the test ends it."""
        task = asyncio.current_task()
        assert task
        self._served.add(task)
        task.add_done_callback(self._served.discard)
        ends, pending = {writer}, list[str]()
        if self._open:
            back, forth = await asyncio.open_unix_connection(self._server)
            ends.add(forth)
            self._ends |= ends
            await asyncio.gather(
                self._until_cut(self._requests(reader, forth, pending), ends),
                self._until_cut(self._answers(back, writer, pending), ends),
            )
            self._ends -= ends
        else:
            self.refused += 1
        for end in ends:
            end.close()
            with contextlib.suppress(ConnectionError):
                await end.wait_closed()

    @staticmethod
    async def _until_cut(way: Coroutine[Any, Any, None], ends: set[asyncio.StreamWriter]) -> None:
        """Carry one direction; when it ends, so does the other."""
        with contextlib.suppress(ConnectionError):
            await way
        for end in ends:
            end.close()

    async def _requests(
        self, reader: asyncio.StreamReader, forth: asyncio.StreamWriter, pending: list[str]
    ) -> None:
        while chunk := await reader.read(CHUNK):
            for mark, name in self._marks.items():
                for _ in range(chunk.count(mark)):
                    self.seen[name] += 1
                    pending.append(name)
            if self._blocked.intersection(pending):
                return
            forth.write(chunk)
            await forth.drain()

    async def _answers(
        self, back: asyncio.StreamReader, writer: asyncio.StreamWriter, pending: list[str]
    ) -> None:
        while chunk := await back.read(CHUNK):
            names, pending[:] = list(pending), []
            if not chunk.startswith(b"-NOSCRIPT"):
                for name in names:
                    if self._lose[name] > 0:
                        self._lose[name] -= 1
                        return
                    if name in self._held:
                        self.waiting[name] += 1
                        await self._freed.wait()
            writer.write(chunk)
            await writer.drain()


@asynccontextmanager
async def proxy_to(server: str, folder: Path) -> AsyncIterator[Proxy]:
    """Give a way to the server behind a ``unix://`` URL; ``folder`` gets the socket."""
    path = folder / "proxy.sock"
    proxy = Proxy(server, path)
    listener = await asyncio.start_unix_server(proxy.serve, path)
    try:
        yield proxy
    finally:
        listener.close()
        await listener.wait_closed()
        await asyncio.wait_for(proxy.finish(), 5)
