"""Finds out why a job is where it is; see :meth:`JobQueue.why`."""

from collections.abc import Sequence

import msgspec

from jobqueue.broker import ahead, facts, pauses, presence
from jobqueue.broker.lanes import Lane
from jobqueue.broker.lookup import JobView
from jobqueue.client.lookups import Lookups
from jobqueue.client.wire import Wire
from jobqueue.domain import ended
from jobqueue.domain.errors import BrokerUnavailable
from jobqueue.domain.jobs import State
from jobqueue.domain.partitions import queue_of
from jobqueue.domain.reasons import reasons
from jobqueue.domain.standing import Standing
from jobqueue.domain.views import FoundJob
from jobqueue.domain.why import Around, Reason, Why

LOOKS = 5  # at a job that moves on while it is looked at


class Reasons(msgspec.Struct, frozen=True):
    """Says why jobs of one installation are where they are.

    Args:
        wire: Where Redis is, and how to talk to it.
        lookups: Finds the jobs.
        journal_limit: Size of the journal at which workers stop, in bytes; None leaves it
            to the server's memory.
    """

    wire: Wire
    lookups: Lookups
    journal_limit: int | None

    async def why(self, job_id: str, queue: str | None) -> Why:
        """Return what holds a job; see :meth:`JobQueue.why`."""
        for _ in range(LOOKS - 1):
            job, view = await self.lookups.one(job_id, queue)
            if job.redis_problem is not None:
                return await self._of_history(job, job.redis_problem)
            if found := await self._now(job, view):
                return _answer(job, found)
        job, view = await self.lookups.one(job_id, queue)
        return _answer(job, await self._now(job, view) or [ended.moving(job)])

    async def _of_history(self, job: FoundJob, problem: str) -> Why:
        """Return how a job ended as far as the history knows; who is not sure of that is told."""
        if job.state is None:
            raise BrokerUnavailable(problem)
        gone, by = await self.lookups.deletion(job), await self.lookups.by_whom(job)
        return _answer(job, ended.reasons(job, (), None, gone, by))

    async def _now(self, job: FoundJob, view: JobView | None) -> list[Reason]:
        """Return what holds the job; nothing when it has moved on since it was found."""
        async with self.wire.server.lane() as lane:
            living = await presence.services(lane, self.wire.keys)
            if view is None or job.state is None or job.state.terminal:
                rows = await self._unrecorded(lane, job, view)
                gone = await self.lookups.deletion(job)
                by = await self.lookups.by_whom(job)
                return ended.reasons(job, living, rows, gone, by)
            at = await lane.call(self.wire.calls.why(view.queue, job.id))
            if not at.state or State(at.state).terminal:
                return []
            return reasons(job.id, at, await self._around(lane, view.queue, at, living))

    async def _unrecorded(self, lane: Lane, job: FoundJob, view: JobView | None) -> int | None:
        """Return how many rows wait with that of a job that has ended; None when it has its row."""
        if view is None or view.spec is None or any(row.final for row in job.executions):
            return None
        return int(await lane.command("GET", self.wire.keys.journal_rows(view.queue)) or 0)

    async def _around(
        self, lane: Lane, place: str, at: Standing, living: Sequence[ended.Said]
    ) -> Around:
        bound = (await facts.ask(lane)).journal_bound(self.journal_limit)
        before = ahead.Ahead(0)
        if at.state == State.READY:
            before = await ahead.count(lane, self.wire.keys, place, at)
        queue = queue_of(place)
        asked = await pauses.show(lane, self.wire.keys)
        return Around(
            place=place,
            living=living,
            ahead=before.jobs,
            more=before.more,
            partitions=len(await self.wire.places(lane, queue)),
            journal_bound=bound,
            pauses=[each for each in asked if each.queue in {None, queue}],
        )


def _answer(job: FoundJob, found: list[Reason]) -> Why:
    return Why(
        id=job.id,
        queue=job.queue,
        name=job.name,
        state=job.state,
        reasons=tuple(found),
        redis_problem=job.redis_problem,
    )
