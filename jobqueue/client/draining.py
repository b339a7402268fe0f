"""Waits until a recorder has taken rows out of a journal, so that Redis has room for more."""

import asyncio
import time

import msgspec

from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Lane
from jobqueue.domain.errors import HistoryUnavailable
from jobqueue.domain.partitions import queue_of

PATIENCE = 10.0  # seconds in which a recorder takes something
AGAIN = 0.1  # seconds between two looks


class Draining(msgspec.Struct, frozen=True):
    """Keeps journals below a size, for who writes many rows.

    Args:
        lane: Nobody else uses it meanwhile.
        keys: Names of the installation's keys.
        most: The size, in bytes; workers need what is left below their bound.
    """

    lane: Lane
    keys: Keys
    most: int

    async def wait(self, place: str, size: int) -> None:
        """Wait while the journal of a queue or partition is too large.

        Args:
            place: The queue or the partition.
            size: Of its journal, in bytes, as somebody has just seen it.

        Raises:
            HistoryUnavailable: No recorder has taken anything for ten seconds.
        """
        deadline = time.monotonic() + PATIENCE
        while size > self.most:
            if time.monotonic() > deadline:
                raise HistoryUnavailable(_problem(queue_of(place)))
            await asyncio.sleep(AGAIN)
            before, size = size, await self._size(place)
            # Workers may add more in all, but a recorder takes away much at once.
            if size < before:
                deadline = time.monotonic() + PATIENCE

    async def _size(self, place: str) -> int:
        return int(await self.lane.command("GET", self.keys.journal_size(place)) or 0)


def _problem(queue: str) -> str:
    return (
        f"the journal of queue {queue} is half full and no recorder takes anything out of it, so "
        "not all jobs were ended: repeat it when `jobqueue scheduler` or `jobqueue recorder` runs"
    )
