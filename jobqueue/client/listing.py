"""Lists jobs page by page: those in Redis in the order of their turn, then the history's.

Ended jobs whose rows no recorder has taken yet are read from the journals, so that a job which
has just ended is not missing.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from jobqueue.broker import hiding, listing, lookup, records
from jobqueue.broker.lanes import Lane
from jobqueue.broker.listing import Met
from jobqueue.broker.messages import Record
from jobqueue.client.found import found, row_of
from jobqueue.client.wire import Wire
from jobqueue.domain import executions
from jobqueue.domain.errors import (
    BrokerUnavailable,
    HistoryError,
    HistoryUnavailable,
    InvalidJob,
    SchemaMismatch,
)
from jobqueue.domain.executions import Execution
from jobqueue.domain.instants import from_ms
from jobqueue.domain.jobs import unpack_spec
from jobqueue.domain.listing import (
    ENDED,
    PARTS,
    Chosen,
    JobFilter,
    JobPage,
    Mark,
    chosen,
    read_mark,
    write_mark,
)
from jobqueue.domain.partitions import queue_of
from jobqueue.domain.suggest import shown
from jobqueue.domain.views import ExecutionView, FoundJob

MOST = 20_000  # jobs that are looked at for one page

_HISTORY = len(PARTS) - 1

_WALKS: dict[str, listing.Walk] = {
    "running": listing.running,
    "ready": listing.ready,
    "blocked": listing.blocked,
    "scheduled": listing.scheduled,
}

Seen = tuple[FoundJob | None, Mark]  # a job if it fits, and the place behind it


class Listing(msgspec.Struct, frozen=True):
    """Lists the jobs of one installation.

    Args:
        wire: Where Redis is, and how to talk to it.
        database_url: Where the history is; None lists what Redis knows.
    """

    wire: Wire
    database_url: str | None

    async def page(self, where: JobFilter, after: str | None, limit: int) -> JobPage:
        """Return some jobs; see :meth:`JobQueue.list_jobs`."""
        if limit < 1:
            raise InvalidJob("limit", f"{shown(limit)}; write a whole number from 1 on")
        which, mark = chosen(where), read_mark(after)
        reach = which.reach(datetime.now(UTC))
        page, away = _Page(limit), None
        try:
            try:
                async with self.wire.server.lane() as lane:
                    behind = await page.fill(self._walk(lane, which, mark, limit))
            except BrokerUnavailable as error:
                if self.database_url is None or not which.states & ENDED:
                    raise
                away = error
                began = mark if mark.part == _HISTORY else Mark(_HISTORY)
                behind = await page.fill(self._history(which, began, limit))
        except (HistoryError, HistoryUnavailable, SchemaMismatch) as error:
            if away is not None:
                raise away from error
            return JobPage(page.jobs, None, str(error))
        bounded = behind is None and which.since is None and self.database_url is not None
        return JobPage(
            page.jobs,
            None if behind is None else write_mark(behind),
            redis_problem=None if away is None else str(away),
            looked_back_to=reach if bounded else None,
        )

    async def _walk(self, lane: Lane, which: Chosen, mark: Mark, limit: int) -> AsyncIterator[Seen]:
        """Yield what is met from a mark on; in parts that hold no such job nothing is met."""
        places = await self.wire.places(lane, which.queue)
        for number, (part, states) in enumerate(PARTS):
            if number < mark.part or not states & which.states:
                continue
            began = mark if number == mark.part else Mark(number)
            if part == "history":
                async for seen in self._history(which, began, limit):
                    yield seen
                continue
            for queue in (each for each in places if each >= began.queue):
                place = began.place if queue == began.queue else []
                walk = self._journal if part == "journal" else self._live
                async for seen in walk(lane, which, Mark(number, queue, place)):
                    yield seen

    async def _live(self, lane: Lane, which: Chosen, mark: Mark) -> AsyncIterator[Seen]:
        part, states = PARTS[mark.part]
        wanted, queue = states & which.states, mark.queue
        async for met in _WALKS[part](lane, self.wire.keys, queue, mark.place):
            jobs = await self._fitting(lane, which, queue, met)
            for job_id, behind in met:
                job = jobs.get(job_id)
                fits = job is not None and job.state in wanted
                yield job if fits else None, Mark(mark.part, queue, behind)

    async def _fitting(
        self, lane: Lane, which: Chosen, queue: str, met: Sequence[Met]
    ) -> dict[str, FoundJob]:
        """Return those of some jobs that fit, as they are now; the others are not looked at."""
        ids = [job_id for job_id, _ in met]
        stored = await records.named(lane, self.wire.keys, queue, ids)
        fitting = [
            job_id
            for job_id, record in zip(ids, stored, strict=True)
            if record is not None and _fits_record(which, record)
        ]
        if not fitting:
            return {}
        calls = self.wire.calls
        answers = await lane.calls([calls.look(queue, job_id) for job_id in fitting])
        looked = zip(fitting, answers, strict=True)
        views = [lookup.view(queue, job_id, answer) for job_id, answer in looked if answer.state]
        views = await hiding.applied(lane, self.wire.keys, views)
        return {view.id: found(view.id, queue_of(queue), view, [], None) for view in views}

    async def _journal(self, lane: Lane, which: Chosen, mark: Mark) -> AsyncIterator[Seen]:
        entry, done = mark.place or (None, 0)
        async for entries in listing.journal(lane, self.wire.keys, mark.queue, entry):
            for each, packed in entries:
                rows = await self._rows(lane, mark.queue, packed)
                first = done if each == entry else 0
                for n, row in enumerate(rows[first:], start=first + 1):
                    job = _of_row(row)
                    yield job if _fits(which, job) else None, _at(mark, [each, n])

    async def _rows(self, lane: Lane, queue: str, packed: bytes) -> list[ExecutionView]:
        """Return the rows of one entry that ended jobs, the latest first."""
        ends = [row for row in _unpacked(packed) if row.final]
        jobs = [(queue, row.name) for row in ends]
        hidden = await hiding.ask(lane, self.wire.keys, jobs)
        return [row_of(row, hidden.get((queue, row.name), ())) for row in reversed(ends)]

    async def _history(self, which: Chosen, mark: Mark, limit: int) -> AsyncIterator[Seen]:
        if self.database_url is None:
            return
        from jobqueue.history import engine, queries  # who has no history needs no SQLAlchemy

        async with engine.opened(self.database_url, "client") as database:
            place: list[Any] = mark.place
            bounded = replace(which, since=which.reach(datetime.now(UTC)))
            while True:
                rows = await queries.ended(database, bounded, place, limit)
                for row in rows:
                    place = [row.finished_at.isoformat(), row.id]
                    yield _of_row(row), Mark(mark.part, "", place)
                if len(rows) < limit:
                    return


class _Page(msgspec.Struct):
    """A page that is being filled."""

    limit: int
    jobs: list[FoundJob] = msgspec.field(default_factory=list)
    looked: int = 0

    async def fill(self, walk: AsyncIterator[Seen]) -> Mark | None:
        """Take jobs until the page is full; return the place behind them, None at the end."""
        async for job, behind in walk:
            self.looked += 1
            if job is not None and not _twice(job, self.jobs):
                self.jobs.append(job)
            if len(self.jobs) == self.limit or self.looked == MOST:
                return behind
        return None


def _at(mark: Mark, place: list[Any]) -> Mark:
    return msgspec.structs.replace(mark, place=place)


def _unpacked(packed: bytes) -> list[Execution]:
    try:
        return [executions.unpack(raw) for raw in executions.split(packed)]
    except msgspec.MsgspecError:  # what no recorder can read either; health counts it
        return []


def _of_row(row: ExecutionView) -> FoundJob:
    return replace(found(row.job_id, row.queue, None, [row], None), executions=())


def _fits_record(which: Chosen, record: Record) -> bool:
    tags = unpack_spec(record.spec).tags
    return which.fits(record.name, tags, from_ms(record.enqueued_ms))


def _fits(which: Chosen, job: FoundJob) -> bool:
    assert job.finished_at is not None  # noqa: S101 - it is of a row
    known = which.fits(job.name, job.tags or (), job.finished_at)
    return known and job.state in which.states


def _twice(job: FoundJob, jobs: Sequence[FoundJob]) -> bool:
    """Whether a job is on the page: a recorder took its row from the journal meanwhile."""
    ended = job.state is not None and job.state.terminal
    return ended and any((each.id, each.queue) == (job.id, job.queue) for each in jobs)
