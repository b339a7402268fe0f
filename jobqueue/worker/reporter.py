"""Sends the progress of running jobs: at most two calls a second, the last report counts."""

import asyncio
import logging

import msgspec

from jobqueue.broker.calls import Calls
from jobqueue.broker.lanes import Lane
from jobqueue.broker.messages import Report
from jobqueue.domain.context import Progress
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.worker.clock import monotonic_us
from jobqueue.worker.held import Held

log = logging.getLogger("jobqueue.worker")

EVERY = 0.5  # seconds between two calls

_json = msgspec.json.Encoder()


class Reporter:
    """Owns the lane on which progress is sent.

    Args:
        lane: Used by nobody else.
        calls: Makes the calls.
        worker: The worker whose jobs they are.
    """

    def __init__(self, lane: Lane, calls: Calls, worker: str) -> None:
        self._lane = lane
        self._calls = calls
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self._latest: dict[str, tuple[str, Report]] = {}  # by token: queue and report
        self._arrived = asyncio.Event()

    def report(self, held: Held, progress: Progress) -> None:
        """Send it soon; from any thread."""
        at_ms = (monotonic_us() + held.clock_us) // 1000
        text = _json.encode(msgspec.structs.replace(progress, at_ms=at_ms)).decode()
        d = held.delivery
        self._loop.call_soon_threadsafe(self._note, held.queue, Report(d.id, d.token, text))

    def _note(self, queue: str, report: Report) -> None:
        self._latest[report.token] = (queue, report)
        self._arrived.set()

    async def run(self) -> None:
        """Send reports until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            latest, self._latest = self._latest, {}
            for queue in {queue for queue, _ in latest.values()}:
                await self._send(queue, [report for q, report in latest.values() if q == queue])
            await asyncio.sleep(EVERY)

    async def _send(self, queue: str, reports: list[Report]) -> None:
        try:
            await self._lane.call(self._calls.progress(queue, self._worker, reports))
        except (BrokerUnavailable, BrokerError) as error:
            # The next report says more, and the outcome says all.
            log.debug("progress not sent", extra={"error": str(error)})
