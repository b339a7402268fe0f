"""Finds jobs and counts queues, for people: Redis is asked first, then the history.

That order leaves no gap: Redis forgets a job only after the history has it. Nothing
here changes a job, and nothing here is on the way of one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from jobqueue.broker import hiding, lookup, presence
from jobqueue.broker.lookup import JobView
from jobqueue.client import endings
from jobqueue.client.found import current, found
from jobqueue.client.wire import Wire
from jobqueue.domain import fleet
from jobqueue.domain.errors import (
    BrokerUnavailable,
    ConfigurationError,
    HistoryError,
    HistoryUnavailable,
    JobNotFound,
    JobQueueError,
    SchemaMismatch,
)
from jobqueue.domain.ids import check_job_id
from jobqueue.domain.jobs import State
from jobqueue.domain.letters import Deletion
from jobqueue.domain.operations import By
from jobqueue.domain.partitions import by_queue, queue_of
from jobqueue.domain.views import ExecutionView, FoundJob, QueueView, together

_WAITING = (State.READY, State.SCHEDULED, State.RETRYING, State.BLOCKED)


class Lookups:
    """Answers questions about one installation.

    Args:
        wire: Where Redis is, and how to talk to it.
        database_url: Where the history is; None asks Redis alone.
    """

    def __init__(self, wire: Wire, database_url: str | None) -> None:
        self._wire = wire
        self._database_url = database_url

    async def find(self, job_id: str, queue: str | None) -> list[FoundJob]:
        """Return the jobs with this id; see :meth:`JobQueue.find`."""
        return [job for job, _ in await self.located(job_id, queue)]

    async def located(
        self, job_id: str, queue: str | None
    ) -> list[tuple[FoundJob, JobView | None]]:
        """Return the jobs with this id, each with what Redis knows of its present life."""
        check_job_id(job_id)
        views, away = await self._known(job_id, queue)
        rows, problem = await self._rows(job_id, queue)
        if away is not None and not rows:
            raise away  # it may wait there
        if problem is not None and not views:
            raise problem
        if not views and not rows:
            raise JobNotFound(job_id)
        return [
            (found(job_id, each, view, of_it, problem, away), current(view, of_it))
            for each in sorted({*views, *rows})
            for view, of_it in [(views.get(each), rows.get(each, []))]
        ]

    async def one(self, job_id: str, queue: str | None) -> tuple[FoundJob, JobView | None]:
        """Return the one job with this id, and what Redis knows of its present life.

        Raises:
            ConfigurationError: Several queues have one, and none was named.
            JobNotFound: There is none.
        """
        found = await self.located(job_id, queue)
        one_queue(job_id, [job.queue for job, _ in found])
        return found[0]

    async def deletion(self, job: FoundJob) -> Deletion | None:
        """Return who deleted the dead letter of a job; None where nobody did, or none can say."""
        if self._database_url is None or job.state is not State.DEAD or job.history_problem:
            return None
        from jobqueue.history import engine, letters  # who has no history needs no SQLAlchemy

        try:
            async with engine.opened(self._database_url, "client") as database:
                return await letters.deletion(database, job.queue, job.id, job.run)
        except (HistoryError, HistoryUnavailable, SchemaMismatch):
            return None  # what else is known of the job is told all the same

    async def by_whom(self, job: FoundJob) -> By | None:
        """Return who cancelled, deleted or purged a job; None where nobody did, or none can say."""
        return await endings.by_whom(self._database_url, job)

    async def queue_counts(self, queue: str | None) -> list[QueueView]:
        """Return the counts of one queue or all; see :meth:`JobQueue.queue_counts`."""
        async with self._wire.server.lane() as lane:
            keys, known = self._wire.keys, by_queue(await self._wire.places(lane, queue))
            workers = await presence.services(lane, keys, "worker")
            counts = [
                together(name, [await lookup.queue(lane, keys, place) for place in places])
                for name, places in known.items()
            ]
        return [replace(each, rate=fleet.rate(workers, each.name)) for each in counts]

    async def services(self, role: str | None = None) -> list[dict[str, Any]]:
        """Return what living services say of themselves.

        Args:
            role: ``worker``, ``scheduler`` or ``recorder``; None for all.
        """
        async with self._wire.server.lane() as lane:
            return await presence.services(lane, self._wire.keys, role)

    async def _known(
        self, job_id: str, queue: str | None
    ) -> tuple[dict[str, JobView], BrokerUnavailable | None]:
        """Return what Redis knows by queue, or why it can't be asked."""
        try:
            return await self._views(job_id, queue), None
        except BrokerUnavailable as error:
            return {}, error

    async def _views(self, job_id: str, queue: str | None) -> dict[str, JobView]:
        async with self._wire.server.lane() as lane:
            known = await self._wire.places(lane, queue)
            views = await lookup.find(lane, self._wire.calls, known, job_id) if known else []
            views = await hiding.applied(lane, self._wire.keys, views)
        # A queue that was split since may have an earlier run of the job where it was whole.
        return {queue_of(view.queue): view for view in sorted(views, key=lookup.newness)}

    async def _rows(
        self, job_id: str, queue: str | None
    ) -> tuple[dict[str, list[ExecutionView]], JobQueueError | None]:
        """Return the rows by queue, or why there are none to be had."""
        if self._database_url is None:
            return {}, None
        from jobqueue.history import engine, queries  # who has no history needs no SQLAlchemy

        by_queue: defaultdict[str, list[ExecutionView]] = defaultdict(list)
        try:
            async with engine.opened(self._database_url, "client") as database:
                for row in await queries.executions(database, job_id, queue=queue):
                    by_queue[row.queue].append(row)
        except (HistoryError, HistoryUnavailable, SchemaMismatch) as error:
            return {}, error
        return by_queue, None


def one_queue(job_id: str, queues: Sequence[str]) -> None:
    """Refuse an id that several queues have: which job is meant?

    Raises:
        ConfigurationError: There are several.
    """
    if len(queues) > 1:
        several = ", ".join(queues)
        raise ConfigurationError(
            f"queues {several} each have a job {job_id}: name one, with --queue or queue="
        )


def unknown_names(
    queues: Sequence[QueueView], workers: Sequence[Mapping[str, Any]]
) -> list[tuple[str, str, int]]:
    """Return queue, name and number of the jobs that wait for code that no worker has.

    Args:
        queues: The queues with their counts by name.
        workers: What living workers say of themselves.
    """
    declared: defaultdict[str, set[str]] = defaultdict(set)
    for worker in workers:
        for queue in worker["queues"]:
            declared[queue] |= set(worker["names"])
    return [
        (queue.name, name, waiting)
        for queue in queues
        for name, states in sorted(queue.names.items())
        if name not in declared[queue.name] and (waiting := _waiting(states))
    ]


def unserved(queues: Sequence[QueueView], workers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the queues of which living workers serve the whole, and none the partitions.

    Args:
        queues: The queues with their counts.
        workers: What living workers say of themselves.
    """
    return presence.unserved([each.name for each in queues if each.partitions], workers)


def _waiting(states: Mapping[str, int]) -> int:
    return sum(states.get(state, 0) for state in _WAITING)
