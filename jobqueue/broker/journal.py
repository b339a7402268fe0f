"""Reads the journals of all queues for a recorder, and takes over what a dead one held.

What Redis knows of a consumer is its lease: how long it has been silent. A recorder with
entries in its hands says every second that it lives, so that it may take its time. One
that is taken for dead and is not writes the same rows once more, which changes nothing.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import msgspec

from jobqueue.broker.keys import Keys
from jobqueue.broker.lanes import Command, Lane
from jobqueue.domain.errors import BrokerError, BrokerUnavailable

GROUP = "recorder"
BLOCK = 1.0  # seconds
DEAD_AFTER_MS = 5_000  # silence after which a recorder that holds entries is taken for dead
FORGET_AFTER_MS = 3_600_000  # silence after which an empty consumer is deleted
_BEHIND_ALL = f"{2**63}-0"  # no entry has a later id


class Entry(msgspec.Struct, frozen=True):
    """One journal entry with its records as the script wrote them: a msgpack list."""

    queue: str
    id: str
    records: bytes


class Journal:
    """The journals, as one recorder reads them.

    Args:
        lane: Used by nobody else; reading blocks it.
        keys: Names of the installation's keys.
        recorder: Id of the recorder; its consumer name.
    """

    def __init__(self, lane: Lane, keys: Keys, recorder: str) -> None:
        self._lane = lane
        self._keys = keys
        self._recorder = recorder

    async def new(self, queues: Sequence[str], count: int) -> list[Entry]:
        """Return new entries, at most ``count`` of each queue; wait up to a second for some."""
        return await self._read(queues, count, ">", BLOCK)

    async def mine(self, queues: Sequence[str], count: int) -> list[Entry]:
        """Return what was read before and not recorded, at most ``count`` of each queue."""
        return await self._read(queues, count, "0", 0)

    async def _read(
        self, queues: Sequence[str], count: int, after: str, block: float
    ) -> list[Entry]:
        queue_of = {self._keys.journal(queue): queue for queue in queues}
        reading: list[Any] = ["XREADGROUP", "GROUP", GROUP, self._recorder, "COUNT", count]
        if block:
            reading += ["BLOCK", round(block * 1000)]

        def of(streams: Sequence[str]) -> Command:
            return [*reading, "STREAMS", *streams, *[after] * len(streams)]

        try:
            if block:
                replies = await self._lane.read(list(queue_of), of, block)
            else:
                groups = self._lane.together(list(queue_of))
                replies = await self._lane.commands([of(streams) for streams in groups])
        except BrokerError as error:
            if "NOGROUP" not in str(error):
                raise
            await self._make_groups(queue_of)
            return []
        return [entry for reply in replies for entry in self._entries(reply)]

    async def _make_groups(self, streams: Iterable[str]) -> None:
        for stream in streams:
            try:
                await self._lane.command("XGROUP", "CREATE", stream, GROUP, "0", "MKSTREAM")
            except BrokerError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    def _entries(self, reply: Any) -> list[Entry]:
        return [
            Entry(self._keys.queue_of(stream.decode()), entry.decode(), fields[1])
            for stream, rows in (reply or {}).items()
            for entry, fields in rows
            if fields  # an entry that was deleted meanwhile comes without any
        ]

    @contextlib.asynccontextmanager
    async def kept(self, queues: Iterable[str]) -> AsyncIterator[None]:
        """Say all the time that we live, so that entries of ``queues`` stay ours, for a block."""
        keeping = asyncio.create_task(self._keep([self._keys.journal(queue) for queue in queues]))
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.wait({keeping})

    async def _keep(self, streams: Sequence[str]) -> None:
        reading = ("XREADGROUP", "GROUP", GROUP, self._recorder, "COUNT", 1, "STREAMS")
        while True:
            await asyncio.sleep(DEAD_AFTER_MS / 5000)
            # Old servers count a blocking read that brings nothing as silence; this they hear.
            with contextlib.suppress(BrokerUnavailable, BrokerError):
                await self._lane.commands([(*reading, each, _BEHIND_ALL) for each in streams])

    async def adopt(self, queue: str, count: int) -> bool:
        """Take over what dead recorders hold in ``queue``, and what we hold and forgot.

        Returns:
            Whether there was something; :meth:`mine` reads it.
        """
        stream, found = self._keys.journal(queue), False
        for name, pending, idle_ms in await self._consumers(stream):
            silence = 0 if name == self._recorder else DEAD_AFTER_MS
            if not pending:
                if idle_ms > FORGET_AFTER_MS:
                    await self._forget(stream, name)
            elif idle_ms >= silence:
                found = await self._claim(stream, name, silence, count) or found
        return found

    async def _claim(self, stream: str, owner: str, idle_ms: int, count: int) -> bool:
        """Make entries ours, unless another was faster; those that are deleted are forgotten."""
        held = await self._lane.command("XPENDING", stream, GROUP, "-", "+", count, owner)
        if not held:
            return False
        ids = [entry for entry, *_ in held]
        claim = ("XCLAIM", stream, GROUP, self._recorder, idle_ms, *ids, "JUSTID")
        return bool(await self._lane.command(*claim))

    async def leave(self, queues: Sequence[str]) -> None:
        """Delete this recorder's consumers where they hold nothing."""
        await self._lane.drop()  # a read that goes on would make the consumer again
        for stream in map(self._keys.journal, queues):
            for name, pending, _ in await self._consumers(stream):
                if name == self._recorder and not pending:
                    await self._forget(stream, name)

    async def _consumers(self, stream: str) -> list[tuple[str, int, int]]:
        """Return name, number of pending records and silence in ms of each consumer."""
        try:
            found = await self._lane.command("XINFO", "CONSUMERS", stream, GROUP)
        except BrokerError as error:
            if "NOGROUP" not in str(error) and "no such key" not in str(error):
                raise
            return []  # nobody has read this queue's journal yet
        return [(c[b"name"].decode(), c[b"pending"], c[b"idle"]) for c in found]

    async def _forget(self, stream: str, consumer: str) -> None:
        held = await self._lane.command("XGROUP", "DELCONSUMER", stream, GROUP, consumer)
        if held:
            # It came back and read just now, and what it read is nobody's. Reading all
            # again loses nothing: a row that is there already is not written twice.
            await self._lane.command("XGROUP", "SETID", stream, GROUP, "0")
