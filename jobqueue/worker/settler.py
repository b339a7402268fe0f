"""Writes outcomes to Redis in batches, and repeats a batch until it is answered.

While one call is under way the next outcomes gather (group commit); nothing waits
when there is nothing to wait for. A batch keeps its call number, so repeating
it after a lost answer changes nothing.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable

from jobqueue.broker.calls import CANCELLED, KEPT, Call, Calls
from jobqueue.broker.lanes import Lane
from jobqueue.broker.messages import Return, Settlement
from jobqueue.domain.backoff import Pause
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.domain.jobs import State
from jobqueue.domain.outcomes import Cancelled
from jobqueue.worker.held import Pool
from jobqueue.worker.settlements import Scribe, Written

log = logging.getLogger("jobqueue.worker")

BATCH = 500  # outcomes in one call: about 5 ms of Redis


class Settler:
    """Owns the lane on which outcomes are written.

    Args:
        lane: Used by nobody else.
        calls: Makes the calls.
        worker: Id of the worker.
        pool: Told which deliveries are settled.
        scribe: Writes again what was cancelled meanwhile.
        settled: Told of each outcome that counts.
    """

    def __init__(
        self,
        lane: Lane,
        calls: Calls,
        worker: str,
        pool: Pool,
        scribe: Scribe,
        settled: Callable[[Written], None] | None,
    ) -> None:
        self._lane = lane
        self._calls = calls
        self._worker = worker
        self._pool = pool
        self._scribe = scribe
        self._tell = settled
        self._waiting: defaultdict[str, list[Written]] = defaultdict(list)
        self._numbers: defaultdict[str, int] = defaultdict(int)
        self._arrived = asyncio.Event()
        self._in_flight = False
        self._flushed = asyncio.Event()

    def add(self, written: Written) -> None:
        """Write this outcome soon."""
        self._waiting[written.held.queue].append(written)
        self._arrived.set()

    async def flush(self) -> None:
        """Wait until everything that was added is written."""
        while self._in_flight or any(self._waiting.values()):
            self._flushed.clear()
            await self._flushed.wait()

    async def run(self) -> None:
        """Write outcomes until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            await self.write_all()
            self._flushed.set()

    async def write_all(self) -> None:
        """Write what was added; only where :meth:`run` does not run any more."""
        while batches := self._next():
            self._in_flight = True
            await self._write(batches)
            self._in_flight = False

    def _next(self) -> dict[str, list[Written]]:
        batches: dict[str, list[Written]] = {}
        for queue, waiting in self._waiting.items():
            if waiting:
                batches[queue] = waiting[:BATCH]
                del waiting[:BATCH]
        return batches

    async def _write(self, batches: dict[str, list[Written]]) -> None:
        for queue, each in batches.items():
            batch = await self._explained(queue, each)
            finished = [w for w in batch if w.decision.state is not State.READY]
            released = [w for w in batch if w.decision.state is State.READY]
            for part in (finished, released):
                if part:
                    self._numbers[queue] += 1
                    self._settled(part, await self._repeat(self._call(queue, part)))

    async def _explained(self, queue: str, batch: list[Written]) -> list[Written]:
        """Write the reasons into the rows of cancelled jobs: Redis alone knows them."""
        cancelled = [w.held for w in batch if w.decision.state is State.CANCELLED]
        if not cancelled:
            return batch
        keys = [self._calls.keys.state(queue, held.delivery.id) for held in cancelled]
        try:
            found = await self._lane.commands([("HGET", key, "cancel") for key in keys])
        except (BrokerUnavailable, BrokerError) as error:
            log.debug("reasons not read", extra={"error": str(error)})
            return batch
        others = [w for w in batch if w.decision.state is not State.CANCELLED]
        reasons = [(reason or b"").decode() for reason in found]
        return others + [
            self._scribe.write(held, Cancelled(reason))
            for held, reason in zip(cancelled, reasons, strict=True)
        ]

    def _call(self, queue: str, batch: list[Written]) -> Call[str]:
        number, records = self._numbers[queue], [w.record for w in batch]
        settlements = [w.settlement for w in batch if isinstance(w.settlement, Settlement)]
        if settlements:
            return self._calls.finish(queue, self._worker, number, settlements, records)
        returns = [w.settlement for w in batch if isinstance(w.settlement, Return)]
        return self._calls.release(queue, self._worker, number, returns, records)

    async def _repeat(self, call: Call[str]) -> str:
        pause = Pause()
        while True:
            try:
                return await self._lane.call(call)
            except (BrokerUnavailable, BrokerError) as error:
                log.warning("outcomes not written yet", extra={"error": str(error)})
                await pause.wait()

    def _settled(self, batch: list[Written], codes: str) -> None:
        for written, code in zip(batch, codes, strict=True):
            held = written.held
            if code == CANCELLED:
                # It was to go on, and may not: somebody cancelled it before we said so.
                self.add(self._scribe.write(held, Cancelled()))
                continue
            self._pool.settled(held)
            if code != KEPT:
                log.warning("lease lost", extra=held.fields())
            elif self._tell is not None:
                self._tell(written)
