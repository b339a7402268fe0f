"""Renews leases and says that the worker lives, from a thread of its own.

The event loop may be blocked by a handler for longer than a lease; this thread
goes on as long as the loop and its thread live, and not a beat longer: a lease that is
renewed for nobody would never end.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from jobqueue.broker import presence
from jobqueue.broker.calls import Calls
from jobqueue.broker.failures import AnswerLost
from jobqueue.broker.lanes import SyncLane
from jobqueue.broker.servers import Server
from jobqueue.broker.slots import key_of
from jobqueue.domain.backoff import Pause
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.worker.beats import Turns
from jobqueue.worker.held import Pool

log = logging.getLogger("jobqueue.worker")

ROLE = "worker"


class Heartbeat:
    """Beats every third of a lease.

    Args:
        server: Where Redis is.
        calls: Makes the calls.
        worker: Id of the worker.
        lease: Life of a lease, in seconds.
        pool: What the worker owns, and where it may own more; read from this thread.
        describe: Returns the fields that tell people about the worker.
        doubt: Called on the loop with a queue whose leases or counts don't fit.
    """

    def __init__(
        self,
        server: Server,
        calls: Calls,
        worker: str,
        lease: float,
        pool: Pool,
        describe: Callable[[], dict[str, Any]],
        doubt: Callable[[str], None],
    ) -> None:
        # An answer later than a sixth of a lease is worth less than a new connection.
        self._lane: SyncLane = server.sync_lane(timeout=lease / 6)
        self._turns = Turns(self._lane, calls.keys.base)
        self._calls = calls
        self._worker = worker
        self._lease = lease
        self._owned = pool.counts
        self._doubtful = pool.doubtful
        self._asked = pool.asked
        self._describe = describe
        self._doubt = doubt
        self._mismatched: set[str] = set()
        self._missed: list[str] = []  # queues of ours that the last beat did not reach
        self.problem: str | None = None  # why the last beat failed
        self._stopped = threading.Event()
        self._hurry = threading.Event()  # what ends a wait
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._owner = threading.current_thread()
        self._thread = threading.Thread(target=self._run, name="jobqueue-heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    async def stop(self) -> None:
        """Beat no more and take the presence away; wait for that no longer than a lease."""
        self._stopped.set()
        self._hurry.set()
        if self._thread.ident is None:
            return  # it has not begun
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), self._lease)

    def soon(self) -> None:
        """Beat at once: what the worker says of itself has changed, and somebody waits for that."""
        self._hurry.set()

    def doubt(self, queue: str) -> None:
        """Say to the loop's thread that what we own in ``queue`` may not be so."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._doubt, queue)

    def _run(self) -> None:
        pause, wait = Pause(), 0.0
        while self._waits(wait) and self._needed():
            try:
                self._beat()
                pause.reset()
                self.problem = None
                wait = self._lease / 3
            except Exception as error:  # a heart that stops for an error would lose every job
                self.problem = str(error)
                known = isinstance(error, BrokerUnavailable | BrokerError)
                log.warning("heartbeat failed", extra={"error": str(error)}, exc_info=not known)
                for queue in self._missed or list(self._owned):
                    self.doubt(queue)
                # Twice in the sixth of a life that a reclaimer waits between two looks.
                wait = min(pause.take(), self._lease / 12)
        self._leave()
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._ended.set)

    def _waits(self, seconds: float) -> bool:
        """Wait for the next beat; say whether there is to be one."""
        self._hurry.wait(seconds)
        self._hurry.clear()
        return not self._stopped.is_set()

    def _needed(self) -> bool:
        return self._owner.is_alive() and not self._loop.is_closed()

    def _beat(self) -> None:
        self._missed = []
        owned = [queue for queue, n in list(self._owned.items()) if n]
        # Where a lost answer may have given us jobs, or one that a blocked loop can't read yet; the
        # fetcher will find out how many.
        maybe = dict.fromkeys([*self._doubtful, *self._asked])
        unseen = [queue for queue in maybe if queue not in owned]
        missed = self._renew_each([*owned, *unseen])
        self._missed = [queue for queue in owned if queue in missed]
        if not self._missed:
            for queue, error in missed.items():
                log.debug("lease not renewed", extra={"queue": queue, "error": str(error)})
        self._show(round(self._lease * 2000))
        if self._missed:
            raise missed[self._missed[0]]

    def _renew_each(self, queues: Sequence[str]) -> dict[str, BrokerUnavailable]:
        """Renew the leases; return what could not be reached, on a cluster.

        Leases of the others live elsewhere, and must not lapse.
        """
        order = self._turns.of(queues)
        self._turns.begin()
        missed = {}
        for queue in order:
            error = self._turns.take(self._calls.keys.base(queue), partial(self._renew, queue))
            if error is not None:
                missed[queue] = error
        return missed

    def _renew(self, queue: str) -> None:
        lease_ms = round(self._lease * 1000)
        seen = self._owned[queue] > 0
        found = self._lane.call(self._calls.renew(queue, self._worker, lease_ms))
        if seen:  # else the count says nothing, nor does an absent lease
            self._compare(queue, found)

    def _show(self, life_ms: int) -> None:
        """Tell people that we live. A refusal, for want of memory, says nothing of what we own."""
        keys, fields = self._calls.keys, self._describe()
        try:
            for command in presence.show(keys, ROLE, self._worker, fields, life_ms):
                error = self._turns.take(
                    key_of(command) or "", partial(self._lane.command, *command)
                )
                if error is not None:
                    level = logging.DEBUG if self._missed else logging.WARNING  # once is enough
                    log.log(level, "presence not written", extra={"error": str(error)})
        except AnswerLost:
            raise
        except (BrokerUnavailable, BrokerError) as error:
            log.warning("presence not written", extra={"error": str(error)})

    def _compare(self, queue: str, found: int) -> None:
        """Doubt a queue whose lease is gone, or whose counts differ twice running.

        Once means nothing: a fetch or a finish may be under way.
        """
        if found == self._owned[queue]:
            self._mismatched.discard(queue)
        elif found < 0 or queue in self._mismatched:
            self._mismatched.discard(queue)
            self.doubt(queue)
        else:
            self._mismatched.add(queue)

    def _leave(self) -> None:
        try:
            for command in presence.hide(self._calls.keys, ROLE, self._worker):
                self._lane.command(*command)
        except (BrokerUnavailable, BrokerError) as error:
            log.debug("presence not removed", extra={"error": str(error)})
        self._lane.close()
