"""Takes back what dead workers held.

It looks again before it takes. A lease that was not renewed for two thirds of its life
is suspect; it is taken when a third of a life later, by this process's own clock and
with Redis having answered, and taken writes, in between, its expiry is still the same.
Each look counts from the moment it was answered, so a stall of Redis leaves the worker as
much time after it as a heartbeat needs; a stall or a step of the clock takes nothing from a
worker that lives.
"""

import asyncio
import logging
from collections.abc import Sequence
from time import monotonic

import msgspec

from jobqueue.broker import deaths
from jobqueue.broker.calls import Calls
from jobqueue.broker.lanes import Lane
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.domain.partitions import named, queue_of
from jobqueue.worker import memory

log = logging.getLogger("jobqueue.worker")

BATCH = 100  # deliveries in one call
SOON = 0.05  # seconds to let a boundary pass
LOOKS = 2  # at a suspect, half of a third of a life apart


class _Suspect(msgspec.Struct):
    expiry: int
    seen: float  # when the last look was answered
    looks: int = 0  # at it, since it became suspect


class Complaints:
    """Says once why a queue can't be swept, however often, and in however many partitions."""

    def __init__(self) -> None:
        self._now: dict[tuple[str, ...], tuple[list[str], str]] = {}

    def failed(self, names: Sequence[str], error: Exception) -> None:
        """Say why these queues of the broker can't be swept, unless that is known."""
        complaint = (list(dict.fromkeys(map(queue_of, names))), str(error))
        if complaint not in self._now.values():
            queues, problem = complaint
            whose = {"queues": queues} if len(queues) > 1 else {"queue": queues[0]}
            log.warning("sweep failed", extra={**whose, "error": problem})
        self._now[tuple(names)] = complaint

    def over(self, names: Sequence[str]) -> None:
        """Note that they can be swept again."""
        self._now.pop(tuple(names), None)


class Reclaimer:
    """Sweeps the leases of some queues.

    Args:
        lane: Used by nobody else.
        calls: Makes the calls.
        queues: Queues to sweep.
        lease: Life of a lease, in seconds.
        budget: Crashes that end a job.
        complaints: Shared with the reclaimers of other queues; None for one of its own.
    """

    def __init__(
        self,
        lane: Lane,
        calls: Calls,
        queues: Sequence[str],
        lease: float,
        budget: int,
        complaints: Complaints | None = None,
    ) -> None:
        self._lane = lane
        self._calls = calls
        self._queues = queues
        self._lease = lease
        self._budget = budget
        self._complaints = complaints or Complaints()
        self._suspects: dict[tuple[str, str], _Suspect] = {}

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                wait = await self.sweep()
                self._complaints.over(self._queues)
            except (BrokerUnavailable, BrokerError) as error:
                self._complaints.failed(self._queues, error)
                self._suspects.clear()
                wait = self._lease / 3
            await asyncio.sleep(wait)

    async def sweep(self) -> float:
        """Look at every lease once; return the seconds until something can happen."""
        answers = await self._lane.calls([self._calls.leases(each) for each in self._queues])
        # Each lease by the clock that it was written by.
        left = {
            (queue, worker): (expiry, (expiry - found.now_ms) / 1000)
            for queue, found in zip(self._queues, answers, strict=True)
            for worker, expiry in found.expiries.items()
        }
        self._suspects = {
            key: suspect
            for key, suspect in self._suspects.items()
            if key in left and left[key][0] == suspect.expiry
        }
        # A lease that begins after this look can't be suspect before two thirds of its life.
        waits = [self._lease * 2 / 3]
        for key, (expiry, seconds) in left.items():
            waits.append(await self._look(key, expiry, seconds))
        return max(min(waits), 0) + SOON

    async def _look(self, key: tuple[str, str], expiry: int, left: float) -> float:
        suspect = self._suspects.get(key)
        if suspect is None:
            third = self._lease / 3
            if left > third:
                return left - third
            suspect = self._suspects[key] = _Suspect(expiry, monotonic())
        elif monotonic() >= suspect.seen + self._lease / 6:
            suspect.seen = monotonic()
            suspect.looks += 1
        if suspect.looks < LOOKS:
            return suspect.seen + self._lease / 6 - monotonic()
        if left > 0:
            return left
        await self._take(key, expiry)
        return 0

    async def _take(self, key: tuple[str, str], expiry: int) -> None:
        queue, worker = key
        death = await deaths.find(self._lane, self._calls.keys, worker)
        call = self._calls.reclaim(
            queue,
            worker,
            expiry,
            BATCH,
            self._budget,
            ending=death.ending,
            memory=f"memory {memory.shown(death.memory)}" if death.memory else "",
        )
        more = True
        while more:
            taken = await self._lane.call(call)
            more = taken.more
            if taken.returned or taken.ended:
                log.warning(
                    "worker lost",
                    extra={
                        "lost_worker": worker,
                        **named(queue),
                        "returned": taken.returned,
                        "dead": taken.ended,
                    },
                )
        del self._suspects[key]
