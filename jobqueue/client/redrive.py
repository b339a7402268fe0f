"""Puts dead letters back on their queues.

PostgreSQL holds the letters while Redis takes their jobs, and marks them only after
that: a caller that dies in between leaves letters open whose jobs are back, and
repeating the redrive of such a letter makes no second job.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

import msgspec

from jobqueue.broker.calls import Call
from jobqueue.broker.lanes import Lane
from jobqueue.broker.messages import NewJob
from jobqueue.client.wire import Wire
from jobqueue.domain.errors import BrokerUnavailable, RedriveConflict
from jobqueue.domain.partitions import NOTHING, asks_of, place_of_job
from jobqueue.domain.views import DeadLetter, Retried
from jobqueue.history import claims
from jobqueue.history.engine import Database

MOST = 500  # letters that one transaction holds: about 10 ms of Redis
PAUSE = 0.2  # seconds between two tries
REDRIVEN = "redriven"


def as_it_was(letter: DeadLetter) -> bytes:
    """Return the spec that the producer sent."""
    return letter.spec


class Answered(msgspec.Struct, frozen=True):
    """A letter that was claimed, and whether its job is back on its queue."""

    letter: DeadLetter
    back: bool

    def retried(self, given: str) -> Retried:
        """Return this for the caller, who gave some id for it."""
        error = None if self.back else RedriveConflict(self.letter.job_id)
        return Retried(given, self.letter.job_id, self.letter.queue, error)


class Redriver(msgspec.Struct, frozen=True):
    """Puts letters back for one command of an operator.

    Args:
        wire: Where Redis is, and how to talk to it.
        lane: A lane that nobody else uses meanwhile.
        database: Where the letters are.
        closed_by: The row of the operator log that tells of the command.
        spec_of: Gives what to run for a letter.
    """

    wire: Wire
    lane: Lane
    database: Database
    closed_by: str
    spec_of: Callable[[DeadLetter], bytes] = as_it_was

    async def put_back(self, execution_ids: Iterable[str]) -> list[Answered]:
        """Put at most ``MOST`` letters back, the oldest first.

        Returns:
            An answer for each that was open; who was faster has told of the others.

        Raises:
            BrokerUnavailable: Redis can't be reached; letters not answered for stay.
            HistoryUnavailable: PostgreSQL can't be reached.
            InvalidJob: The letter's spec can't become what it is to be.
        """
        async with claims.claim(self.database, execution_ids, self.closed_by) as claim:
            waiting = [each for each in claim.letters if each.execution_id not in claim.done_before]
            answers = await self.redrive(waiting)
            for letter, answer in zip(waiting, answers, strict=True):
                if answer == REDRIVEN:
                    claim.done(letter)
        return [Answered(each, each.execution_id in claim.redriven) for each in claim.letters]

    async def redrive(self, found: Sequence[DeadLetter]) -> list[str]:
        """Ask Redis to take the jobs of these letters; return its answer for each."""
        if not found:
            return []
        specs = [self.spec_of(letter) for letter in found]
        deadline = time.monotonic() + self.wire.patience
        while True:  # repeating is safe: the letter's id is the caller of the call
            try:
                # A Redis that has lost its data has lost the names of its queues too.
                names = sorted({letter.queue for letter in found})
                known = await self.lane.calls([self.wire.calls.register(name) for name in names])
                splits = dict(zip(names, known, strict=True))
                calls = [
                    self._call(letter, spec, splits[letter.queue])
                    for letter, spec in zip(found, specs, strict=True)
                ]
                return await self.lane.calls(calls)
            except BrokerUnavailable:
                if time.monotonic() + PAUSE > deadline:
                    raise
                await asyncio.sleep(PAUSE)

    def _call(self, letter: DeadLetter, spec: bytes, partitions: int) -> Call[str]:
        asks = asks_of(spec)
        asking = asks != NOTHING
        job = NewJob(letter.job_id, int(letter.priority), None, None, letter.name, asking)
        place = place_of_job(letter.queue, partitions, letter.job_id, asks)
        return self.wire.calls.redrive(place, letter.execution_id, letter.run + 1, job, spec)
