"""A worker in a thread and an event loop of its own, which goes on while a test blocks its loop."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.stage import Stage, stage_on

PATIENCE = 30.0  # seconds to start, and to stop


class Neighbour(threading.Thread):
    """Runs a worker until it is told to stop.

    Args:
        url: The server.
        declare: Declares the jobs; gets the neighbour's own stage.
        settings: Those of ``Settings``.
    """

    def __init__(self, url: str, declare: Callable[[Stage], None], **settings: Any) -> None:
        super().__init__(name="neighbour", daemon=True)
        self.log: list[Any] = []
        self.ready = threading.Event()
        self.worker_id = ""
        self._url = url
        self._declare = declare
        self._settings = settings
        self._leave: Callable[[], Any] = self.ready.set

    def run(self) -> None:
        """Run the worker; the thread's whole life."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        self._leave = lambda: loop.call_soon_threadsafe(told.set)
        async with stage_on(self._url, **self._settings) as stage:
            stage.log = self.log
            self._declare(stage)
            async with stage.app.worker() as worker:
                self.worker_id = worker.id
                self.ready.set()
                await told.wait()

    def leave(self) -> None:
        """Stop the worker and wait for the end of the thread."""
        self._leave()
        self.join(PATIENCE)
        assert not self.is_alive(), "the neighbour does not stop"


@contextmanager
def neighbour(url: str, declare: Callable[[Stage], None], **settings: Any) -> Iterator[Neighbour]:
    """Give a neighbour whose worker runs."""
    thread = Neighbour(url, declare, **settings)
    thread.start()
    assert thread.ready.wait(PATIENCE), "the neighbour does not start"
    try:
        yield thread
    finally:
        thread.leave()
