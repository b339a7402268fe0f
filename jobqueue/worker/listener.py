"""Hears which running jobs were cancelled, and tells them; and what an operator tells the worker.

Redis notes a cancellation with the job before it tells the worker, and refuses to let
the job go on afterwards; so a message that is lost costs time and nothing else.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from jobqueue.broker.calls import Calls
from jobqueue.broker.lanes import Lane
from jobqueue.domain.backoff import Pause
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.domain.pauses import Order, unpack_order
from jobqueue.worker.held import Held, Pool

log = logging.getLogger("jobqueue.worker")

# Seconds of one blocking read: with the lane's patience on top, this is how long a line that
# broke without a word, to a master that another has replaced, can go unnoticed.
BLOCK = 5
EARLY = 1000  # messages about deliveries that have not arrived yet


class Listener:
    """Owns the lane on which a worker is told of cancellations.

    Args:
        lane: Used by nobody else; reading blocks it.
        calls: Makes the calls.
        worker: Id of the worker.
        queues: The queues that it serves.
        pool: What it owns.
        obey: Called with what an operator tells the worker.
    """

    def __init__(
        self,
        lane: Lane,
        calls: Calls,
        worker: str,
        queues: Sequence[str],
        pool: Pool,
        obey: Callable[[Order], None],
    ) -> None:
        self._lane = lane
        self._keys = [calls.keys.tell(queue, worker) for queue in queues]
        self._pool = pool
        self._obey = obey
        # The message may overtake the delivery that it speaks of.
        self._early: deque[str] = deque(maxlen=EARLY)

    async def run(self) -> None:
        """Listen until cancelled."""
        pause = Pause()
        while True:
            try:
                message = await self._lane.take(self._keys, BLOCK)
                pause.reset()
            except (BrokerUnavailable, BrokerError) as error:
                log.debug("can't hear of cancellations", extra={"error": str(error)})
                await pause.wait()
                continue
            if message is not None:
                self._hear(message[1].decode())

    def _hear(self, message: str) -> None:
        held = self._pool.owned.get(message)
        if held is not None:
            cancel(held)
        elif (order := unpack_order(message)) is not None:
            self._obey(order)
        else:
            self._early.append(message)

    def arrived(self, held: Held) -> None:
        """Look whether a new delivery was cancelled before it came here."""
        if self._early and held.delivery.token in self._early:
            cancel(held)


def cancel(held: Held) -> None:
    """Tell a running job."""
    held.cancelling = True
    if held.task is not None and not held.task.done():
        log.info("job cancelled", extra=held.fields())
        # Soon, not now: a task that is cancelled before its first step never frees its slot.
        asyncio.get_running_loop().call_soon(_interrupt, held)


def _interrupt(held: Held) -> None:
    # A thread can only be told, and has to look.
    if held.task is not None and not held.in_thread:
        held.heard = held.task.cancel() or held.heard
