"""Blocks an event loop until somebody outside of it has seen enough."""

import threading
from collections.abc import Callable

from jobqueue.probes.health import Health
from tests.support.waiting import wait_until_sync


class Released:
    """A block that ends by itself when a condition holds.

    Args:
        enough: Says whether enough was seen; asked from another thread.
    """

    def __init__(self, enough: Callable[[], bool]) -> None:
        self._enough = enough
        self._go = threading.Event()
        self.last = Health()

    def begin(self, health: Callable[[], Health] = Health) -> None:
        """Look from another thread; keep the last health before the end."""
        threading.Thread(target=self._look, args=(health,), daemon=True).start()

    def wait(self) -> None:
        """Block the thread, and with it its loop."""
        assert self._go.wait(15), "nobody noticed"

    def _look(self, health: Callable[[], Health]) -> None:
        def seen() -> bool:
            self.last = health()
            return self._enough()

        try:
            wait_until_sync(seen, description="the block was noticed")
        finally:
            self._go.set()
