"""Sends the progress of running jobs: at most two calls a second, the last report counts."""

import asyncio
import logging

import msgspec

from jobqueue.broker.calls import Calls
from jobqueue.broker.lanes import Lane
from jobqueue.broker.messages import Report
from jobqueue.domain.context import Progress
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from jobqueue.domain.redaction import scrub
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
        self._latest: dict[str, tuple[Held, Progress]] = {}  # by token
        self._arrived = asyncio.Event()

    def report(self, held: Held, progress: Progress) -> None:
        """Send it soon; from any thread."""
        at_ms = (monotonic_us() + held.clock_us) // 1000
        dated = msgspec.structs.replace(progress, at_ms=at_ms)
        self._loop.call_soon_threadsafe(self._note, held, dated)

    def _note(self, held: Held, progress: Progress) -> None:
        self._latest[held.delivery.token] = (held, progress)
        self._arrived.set()

    async def run(self) -> None:
        """Send reports until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            latest, self._latest = self._latest, {}
            reports: dict[str, list[Report]] = {}
            for held, progress in latest.values():
                reports.setdefault(held.queue, []).append(_report(held, progress))
            for queue, each in reports.items():
                await self._send(queue, each)
            await asyncio.sleep(EVERY)

    async def _send(self, queue: str, reports: list[Report]) -> None:
        try:
            await self._lane.call(self._calls.progress(queue, self._worker, reports))
        except (BrokerUnavailable, BrokerError) as error:
            # The next report says more, and the outcome says all.
            log.debug("progress not sent", extra={"error": str(error)})


def _report(held: Held, progress: Progress) -> Report:
    """Return what is sent, without what people may not see; only of reports that are sent."""
    if held.hidden and progress.message:
        message = scrub(progress.message, held.spec.arguments, held.hidden)
        progress = msgspec.structs.replace(progress, message=message)
    return Report(held.delivery.id, held.delivery.token, _json.encode(progress).decode())
