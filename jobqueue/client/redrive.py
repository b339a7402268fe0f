"""Puts dead letters back on their queues.

PostgreSQL holds the letters while Redis takes their jobs, and marks them only after
that: a caller that dies in between leaves letters open whose jobs are back, and
repeating the redrive of such a letter makes no second job.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence

import msgspec

from jobqueue.broker.calls import Call
from jobqueue.broker.lanes import Lane
from jobqueue.broker.messages import NewJob
from jobqueue.client.wire import Wire
from jobqueue.domain.errors import (
    BrokerUnavailable,
    DeadLetterNotFound,
    InvalidJob,
    RedriveConflict,
)
from jobqueue.domain.ids import check_job_id
from jobqueue.domain.jobs import Spec
from jobqueue.domain.partitions import place_of_job
from jobqueue.domain.views import DeadLetter, Retried
from jobqueue.history import engine, letters
from jobqueue.history.engine import Database

MOST = 500  # letters that one transaction holds: about 10 ms of Redis
PAUSE = 0.2  # seconds between two tries
REDRIVEN = "redriven"

_spec = msgspec.msgpack.Decoder(Spec)


class Letters:
    """The dead letters of one installation.

    Args:
        wire: Says where Redis is; asked only when a letter is put back.
        database_url: Where the history is.
    """

    def __init__(self, wire: Callable[[], Wire], database_url: str) -> None:
        self._wire = wire
        self._database_url = database_url

    async def page(
        self, queue: str | None, name: str | None, before: str | None, limit: int
    ) -> list[DeadLetter]:
        """Return open letters, newest first; see :meth:`JobQueue.dead_letters`."""
        async with engine.opened(self._database_url, "client") as database:
            try:
                return await letters.page(
                    database, name=name, queue=queue, before=before, limit=limit
                )
            except ValueError:
                raise InvalidJob("before", f"{before!r} is no execution id of a letter") from None

    async def retry(self, ids: Sequence[str]) -> list[Retried]:
        """Put letters back; see :meth:`JobQueue.retry_dead_letters`."""
        ids = [check_job_id(each) for each in dict.fromkeys(ids)]
        found: list[Retried] = []
        async with (
            engine.opened(self._database_url, "client") as database,
            self._wire().server.lane() as lane,
        ):
            for first in range(0, len(ids), MOST):
                found += await self._retry(database, lane, ids[first : first + MOST])
        return found

    async def _retry(self, database: Database, lane: Lane, ids: Sequence[str]) -> list[Retried]:
        chosen = await _chosen(database, ids)
        answers = await self._put_back(database, lane, chosen)
        return [each for given in ids for each in _retried(given, chosen[given], answers)]

    async def _put_back(
        self, database: Database, lane: Lane, chosen: dict[str, list[DeadLetter]]
    ) -> dict[str, str]:
        """Redrive the chosen letters, the oldest first; return the answer for each."""
        wanted = {letter.execution_id for found in chosen.values() for letter in found}
        async with letters.claim(database, wanted) as claim:
            oldest_first = claim.letters[::-1]
            answers = await self._redrive(lane, oldest_first)
            for letter, answer in zip(oldest_first, answers, strict=True):
                if answer == REDRIVEN:
                    claim.done(letter)
        return {
            letter.execution_id: answer
            for letter, answer in zip(oldest_first, answers, strict=True)
        }

    async def _redrive(self, lane: Lane, found: Sequence[DeadLetter]) -> list[str]:
        if not found:
            return []
        deadline = time.monotonic() + self._wire().patience
        while True:  # repeating is safe: the letter's id is the caller of the call
            try:
                # A Redis that has lost its data has lost the names of its queues too.
                names = sorted({letter.queue for letter in found})
                known = await lane.calls([self._wire().calls.register(name) for name in names])
                splits = dict(zip(names, known, strict=True))
                calls = [self._call(letter, splits[letter.queue]) for letter in found]
                return await lane.calls(calls)
            except BrokerUnavailable:
                if time.monotonic() + PAUSE > deadline:
                    raise
                await asyncio.sleep(PAUSE)

    def _call(self, letter: DeadLetter, partitions: int) -> Call[str]:
        asks = _asks(letter.spec)
        job = NewJob(letter.job_id, int(letter.priority), None, None, letter.name, asks)
        place = place_of_job(letter.queue, partitions, letter.job_id, letter.spec)
        return self._wire().calls.redrive(
            place, letter.execution_id, letter.run + 1, job, letter.spec
        )


def _asks(spec: bytes) -> bool:
    """Return whether a spec holds something for scripts to obey."""
    try:
        return _spec.decode(spec).asks is not None
    except msgspec.MsgspecError:  # that nobody could read it is why the job is dead
        return False


async def _chosen(database: Database, ids: Sequence[str]) -> dict[str, list[DeadLetter]]:
    """Return the open letters that each id means: its own, else the newest of the job's."""
    own = {letter.execution_id: letter for letter in await letters.by_id(database, ids)}
    return {
        each: [own[each]] if each in own else _newest(await letters.page(database, job_id=each))
        for each in ids
    }


def _newest(found: Sequence[DeadLetter]) -> list[DeadLetter]:
    """Keep one letter of each queue: a job's id belongs to a queue."""
    return list({letter.queue: letter for letter in reversed(found)}.values())


def _retried(given: str, found: Sequence[DeadLetter], answers: dict[str, str]) -> Iterator[Retried]:
    put_back = [letter for letter in found if letter.execution_id in answers]
    if not put_back:  # there was none, or somebody else was faster
        yield Retried(given, given, None, DeadLetterNotFound(given))
    for letter in put_back:
        back = answers[letter.execution_id] == REDRIVEN
        error = None if back else RedriveConflict(letter.job_id)
        yield Retried(given, letter.job_id, letter.queue, error)
