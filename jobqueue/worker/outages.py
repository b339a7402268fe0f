"""Which queues can't be reached while others can: those of a cluster's node that is away.

A node whose host is silent costs whoever asks it a whole timeout. So it costs the fetcher one:
all queues of that node are set aside at once, and are not asked again before a probe, on a
connection of its own, has had an answer. What the node refuses at once, as it does while a
slot moves, sets aside that one queue. On a single server nothing is set aside.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from jobqueue.broker.lanes import Lane
from jobqueue.domain.backoff import PROMPT, Pause
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.domain.partitions import named, queue_of, shown_as

log = logging.getLogger("jobqueue.worker")


class Outages:
    """Keeps one server's outage from stopping the queues of the others.

    Args:
        lane: Asks the queues; knows which server has a key.
        probing: Makes the lane of a probe.
        keys: A key that never exists, by queue.
        failed: Called with a queue that was asked in vain.
        back: Called when queues are to be asked again.
    """

    def __init__(
        self,
        lane: Lane,
        probing: Callable[[], Lane],
        keys: Mapping[str, str],
        failed: Callable[[str], None],
        back: Callable[[], None],
    ) -> None:
        self._lane = lane
        self._probing = probing
        self._keys = keys
        self._failed = failed
        self._back = back
        self._aside: dict[str, str] = {}  # by queue: the server that is away, else its own key
        self._error = ""
        self._pauses: defaultdict[str, Pause] = defaultdict(lambda: Pause(PROMPT))
        self._probes: set[asyncio.Task[None]] = set()
        self._reached = asyncio.Event()

    def tried(self, queue: str) -> bool:
        """Say whether a queue is to be asked now."""
        return queue not in self._aside

    @property
    def problem(self) -> str | None:
        """Which queues can't be reached, and why; from any thread."""
        aside = list(self._aside)
        return f"queue {shown_as(aside)}: {self._error}" if aside else None

    @contextmanager
    def of(self, queue: str) -> Iterator[None]:
        """Ask a queue in the block; its outage stays with its server.

        Raises:
            BrokerUnavailable: No queue can be reached.
        """
        try:
            yield
        except BrokerUnavailable as error:
            self._failed(queue)
            if not self._lane.apart:
                raise
            self.met(error, queue)
            self.check()
        else:
            if self._pauses:
                self._pauses.pop(self._lane.place(self._keys[queue]), None)
                self._pauses.pop(self._keys[queue], None)

    def check(self) -> None:
        """Look whether any queue is left.

        Raises:
            BrokerUnavailable: No queue can be reached.
        """
        if len(self._aside) == len(self._keys):
            raise BrokerUnavailable(self._error)

    def met(self, error: BrokerUnavailable, queue: str | None = None) -> None:
        """Set aside what can't be reached: all queues of the server that ``error`` names.

        Args:
            error: What it said.
            queue: What was asked; None where that were several.
        """
        away = [name for name, key in self._keys.items() if self._is_at(key, error.server)]
        where = error.server or self._keys.get(queue or "", "")
        queues = [name for name in {queue, *away} if name is not None and self.tried(name)]
        if not queues:
            return
        self._error = str(error)
        known = sorted(set(map(queue_of, queues)))
        log.warning("queues out of reach", extra={"queues": known, "error": self._error})
        if where not in self._aside.values():
            probe = asyncio.create_task(self._probe(where))
            self._probes.add(probe)
            probe.add_done_callback(self._probes.discard)
        self._aside.update(dict.fromkeys(queues, where))

    def _is_at(self, key: str, server: str) -> bool:
        return bool(server) and self._lane.place(key) == server

    async def _probe(self, where: str) -> None:
        """Ask for what is set aside until nothing is."""
        pause = self._pauses[where]  # goes on where an earlier answer was worth nothing
        try:
            async with self._probing() as lane:
                while waiting := self._waiting(where):
                    await pause.wait()
                    if await self._answers(lane, waiting[0]):
                        # Others may have moved elsewhere, and are asked for in their turn.
                        place = lane.place(self._keys[waiting[0]])
                        mates = [q for q in waiting if self._is_at(self._keys[q], place)]
                        self._release({waiting[0], *mates})
        finally:
            self._release(self._waiting(where))  # nobody else would

    def _waiting(self, where: str) -> list[str]:
        return [queue for queue, what in self._aside.items() if what == where]

    async def _answers(self, lane: Lane, queue: str) -> bool:
        """Ask for a queue with a write that changes nothing: it waits where a script would."""
        try:
            await lane.command("PERSIST", self._keys[queue])
        except BrokerUnavailable as error:
            log.debug("queue still out of reach", extra={**named(queue), "error": str(error)})
            return False
        except BrokerError as error:  # an answer; scripts will hear the same, or something better
            log.debug("a probe was refused", extra={**named(queue), "error": str(error)})
        return True

    def _release(self, queues: "set[str] | list[str]") -> None:
        for queue in queues:
            del self._aside[queue]
        if queues:
            self._reached.set()
            self._back()

    async def pause(self, seconds: float) -> None:
        """Sleep; where no queue can be reached, wait instead until one can."""
        if len(self._aside) < len(self._keys):
            await asyncio.sleep(seconds)
            return
        self._reached.clear()
        await self._reached.wait()

    async def close(self) -> None:
        """End the probes, and ask everything again."""
        probes = list(self._probes)
        for probe in probes:
            probe.cancel()
        await asyncio.gather(*probes, return_exceptions=True)
        self._release(list(self._aside))  # of a probe that had not begun
        self._pauses.clear()
