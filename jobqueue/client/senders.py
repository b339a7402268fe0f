"""The connections of blocking producers: as many as there are threads that use one."""

import os
import secrets
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from jobqueue.broker.lanes import SyncLane
from jobqueue.client.batches import Numbers
from jobqueue.client.wire import Wire


class Sender:
    """Connections with their call numbers; one thread uses them at a time.

    Args:
        wire: Where Redis is, and how to talk to it.
    """

    def __init__(self, wire: Wire) -> None:
        self.lane: SyncLane = wire.server.sync_lane(wire.try_timeout)
        self.reading: SyncLane = wire.server.sync_lane()  # blocks longer than a short patience
        self.numbers = Numbers()
        self.inbox = secrets.token_hex(8)
        self.known: set[str] = set()
        self.used = 0.0  # monotonic time of the last answer


class Senders:
    """Those that nobody uses now.

    Args:
        wire: Where Redis is, and how to talk to it.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        # No lock: a fork while another thread holds it would leave it locked in the child.
        self._idle: deque[Sender] = deque()
        self._pid = os.getpid()

    @contextmanager
    def one(self) -> Iterator[Sender]:
        """Give a sender to this thread for a block."""
        sender = self._take() or Sender(self._wire)
        try:
            yield sender
        finally:
            self._idle.append(sender)

    def close(self) -> None:
        """Close their connections; a later call opens new ones."""
        while sender := self._take():
            sender.lane.close()
            sender.reading.close()

    def _take(self) -> Sender | None:
        if self._pid != os.getpid():
            # After a fork the parent goes on using its connections.
            self._idle, self._pid = deque(), os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return None
