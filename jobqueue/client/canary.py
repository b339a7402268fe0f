"""Waits for what the first jobs of a redrive come to, before the others follow.

Nobody waits in the jobs' inboxes here: a job does badly as soon as its first attempt has
failed, long before its end. So Redis is asked again and again, all jobs in one go.
"""

import asyncio
import time
from collections.abc import Sequence

from jobqueue.broker import lookup
from jobqueue.broker.lookup import JobView
from jobqueue.client.redrive import Redriver
from jobqueue.domain.jobs import State
from jobqueue.domain.letters import Canary, CanaryOutcome
from jobqueue.domain.views import DeadLetter, ExecutionView
from jobqueue.history import queries

PAUSE = 0.25  # seconds between two looks


class Listener:
    """Listens to one canary.

    Args:
        redriver: Who put its jobs back.
        canary: What to wait for.
    """

    def __init__(self, redriver: Redriver, canary: Canary) -> None:
        self._wire = redriver.wire
        self._lane = redriver.lane
        self._database = redriver.database
        self._canary = canary

    async def hear(self, letters: Sequence[DeadLetter]) -> CanaryOutcome:
        """Wait until each of these jobs, which went back, has come to something.

        Ends early when too many have failed, and at the canary's time-out.
        """
        waiting, failing = list(letters), 0
        deadline = time.monotonic() + self._canary.timeout
        while True:
            heard = [(letter, await self._failed(letter)) for letter in waiting]
            failing += sum(failed is True for _, failed in heard)
            waiting = [letter for letter, failed in heard if failed is None]
            over = time.monotonic() > deadline
            if not waiting or over or self._canary.stops(failing, len(letters)):
                break
            await asyncio.sleep(PAUSE)
        unfinished = len(waiting) if over else 0
        failing += unfinished
        stopped = self._canary.stops(failing, len(letters))
        return CanaryOutcome(len(letters), failing, unfinished, stopped)

    async def _failed(self, letter: DeadLetter) -> bool | None:
        """Return whether the letter's new run did badly; None while nobody can say."""
        places = await self._wire.places(self._lane, letter.queue)
        found = await lookup.find(self._lane, self._wire.calls, places, letter.job_id)
        for view in found:
            if view.run > letter.run:
                return _of_view(view)
        row = await queries.final_outcome(self._database, letter.job_id, queue=letter.queue)
        return None if row is None or row.run <= letter.run else _of_row(row)


def _of_view(view: JobView) -> bool | None:
    if view.attempts or view.state is State.RETRYING:
        return True
    return view.state is not State.SUCCEEDED if view.state.terminal else None


def _of_row(row: ExecutionView) -> bool:
    return row.attempt > 1 or row.state is not State.SUCCEEDED
