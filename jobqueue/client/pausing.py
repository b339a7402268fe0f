"""Pauses queues and workers, and lets them go on."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from jobqueue.broker import operations, pauses, presence
from jobqueue.broker.lanes import Lane
from jobqueue.client.logbook import Command, Logbook
from jobqueue.client.wire import Wire
from jobqueue.domain.errors import WorkerNotFound, WorkerQuiet, WorkerSilent
from jobqueue.domain.ids import check_queue
from jobqueue.domain.pauses import (
    EVERYTHING,
    Action,
    Note,
    Order,
    Pause,
    pack,
    pause_of,
    pause_of_worker,
)

PATIENCE = 10.0  # seconds in which a worker says that it does what it was told
AGAIN = 0.1  # seconds between two looks

# What a worker says of itself when it does what it was told.
_DOES = {
    Action.PAUSE: lambda worker: bool(worker.get("paused")),
    Action.RESUME: lambda worker: not worker.get("paused"),
    Action.QUIET: lambda worker: bool(worker.get("quiet")),
}


class Pauses(msgspec.Struct, frozen=True):
    """The pauses of one installation.

    Args:
        wire: Where Redis is, and how to talk to it.
        logbook: Where operators' commands are noted.
    """

    wire: Wire
    logbook: Logbook

    async def show(self) -> list[Pause]:
        """Return every pause that lasts; see :meth:`JobQueue.pauses`."""
        async with self.wire.server.lane() as lane:
            return await pauses.show(lane, self.wire.keys)

    async def pause(self, queue: str | None, command: Command) -> Pause | None:
        """Pause a queue, or all; see :meth:`JobQueue.pause`."""
        field = EVERYTHING if queue is None else check_queue(queue)
        async with self.wire.server.lane() as lane:
            note = await self._note(lane, command)
            if await pauses.find(lane, self.wire.keys, field) is None:
                await self.logbook.note("pause", command, queue=queue)
            stands = await pauses.pause(lane, self.wire.keys, field, pack(note))
        # Somebody may have been faster since we looked.
        return None if stands == pause_of(field, note) else stands

    async def resume(self, queue: str | None, command: Command) -> bool:
        """Lift the pause of a queue, or of all; see :meth:`JobQueue.resume`."""
        field = EVERYTHING if queue is None else check_queue(queue)
        async with self.wire.server.lane() as lane:
            if not await pauses.holds(lane, self.wire.keys, field):
                return False
            await self.logbook.note("resume", command, queue=queue)
            return await pauses.resume(lane, self.wire.keys, field)

    async def tell(self, worker: str, action: Action, command: Command) -> Pause | None:
        """Tell a worker something and wait until it does it; see :meth:`JobQueue.pause_worker`.

        Returns:
            How it was paused before; None where it was not.
        """
        async with self.wire.server.lane() as lane:
            found = await self._worker(lane, worker)
            before = pause_of_worker(found)
            if action is Action.RESUME and found.get("quiet"):
                raise WorkerQuiet(worker)
            if _DOES[action](found):
                return before
            note = await self._note(lane, command)
            details = {"worker": worker}
            await self.logbook.note(f"worker.{action}", command, details=details)
            text, queue = pack(Order(action, note)), found["queues"][0]  # it listens at each
            await lane.call(operations.order(self.wire.keys, queue, worker, text))
            deadline = time.monotonic() + PATIENCE
            while not _DOES[action](await self._worker(lane, worker)):
                if time.monotonic() > deadline:
                    # Whoever is told that it failed does not expect it to happen later.
                    await lane.command("LREM", self.wire.keys.tell(queue, worker), 1, text)
                    raise WorkerSilent(worker, str(action), PATIENCE)
                await asyncio.sleep(AGAIN)
        return before

    async def _note(self, lane: Lane, command: Command) -> Note:
        seconds, micros = await lane.command("TIME")
        now_ms = int(seconds) * 1000 + int(micros) // 1000
        return Note(self.logbook.who(command), now_ms, command.reason)

    async def _worker(self, lane: Lane, worker: str) -> Mapping[str, Any]:
        living: Sequence[Mapping[str, Any]] = await presence.services(
            lane, self.wire.keys, "worker"
        )
        for each in living:
            if each["id"] == worker:
                return each
        raise WorkerNotFound(worker)
