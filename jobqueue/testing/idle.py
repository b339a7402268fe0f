"""Runs what is queued until nothing is left to do, and says what became of it."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from jobqueue.client.blocking import refuse_loop
from jobqueue.domain import executions
from jobqueue.domain.errors import ConfigurationError, JobFailed
from jobqueue.domain.executions import DEAD_OUTCOMES, Execution
from jobqueue.domain.jobs import State, unpack_spec
from jobqueue.domain.outcomes import Failure
from jobqueue.domain.partitions import by_queue, queue_of
from jobqueue.testing.apps import App, calls_of
from jobqueue.testing.queued import enqueued

if TYPE_CHECKING:
    from jobqueue.broker.lanes import Lane
    from jobqueue.domain.views import QueueView
    from jobqueue.scheduler.service import Service
    from jobqueue.worker.worker import Worker

TIMEOUT = 30.0  # seconds
SHORTEST, LONGEST = 0.002, 0.05  # seconds between two looks at the queues

_AGAIN = {"snoozed": State.SCHEDULED, "released": State.READY, "lost": State.READY}


class RanJob(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one job while :func:`run_until_idle` ran.

    Attributes:
        arguments: By name, as JSON has them; those without a name are a list under ``"*"``.
        state: How the last attempt left it: ``succeeded``, ``dead``, ``cancelled`` or
            ``expired``; ``retrying`` or ``scheduled`` when it is to run again later.
        outcomes: What each attempt came to, oldest first, such as ``("failed", "succeeded")``.
        result: What it returned, as JSON has it.
        error: The error of the last attempt, if it failed.
    """

    id: str
    name: str
    queue: str
    arguments: Mapping[str, Any]
    state: State
    outcomes: tuple[str, ...]
    result: Any
    error: Failure | None


async def run_until_idle(
    app: App, *, check: bool = False, timeout: float = TIMEOUT
) -> list[RanJob]:
    """Run every job that is ready or due, and what these enqueue, until nothing is left to do.

    A worker runs them in this process, as in production, with retries, locks and limits. What
    is due later stays: delayed jobs, retries, jobs that a rate holds back. Move the
    :func:`clock` and run again. Schedules fire while the clock is stopped, and only then:
    else a test would get another job when a minute ends. Where the app has a history, it has
    the rows afterwards.

    Args:
        app: An app that is connected to a test server.
        check: Raise the failure of the first job that failed.
        timeout: Longest run, in seconds.

    Returns:
        What ran or ended: by queue, and there in the order of the first outcomes.

    Raises:
        JobFailed: With ``check``: a job is a dead letter, or waits for a retry.
        TimeoutError: There is still something to do; the message lists it.
        ConfigurationError: The app is not connected to a test server, or can't run here; or a
            schedule can't be fired.
    """
    calls_of(app)
    async with app.wiring.server.lane() as lane:
        run = _Run(app, lane)
        try:
            async with asyncio.timeout(timeout):
                jobs = _by_job(await run.until_idle())
        except TimeoutError as error:
            rows = "\n".join(f"  {each}" for each in enqueued(app))
            problem = f"still busy after {timeout:g} s; what waits:\n{rows or '  nothing'}"
            raise TimeoutError(problem) from error
    for job in jobs:
        if check and job.state in (State.DEAD, State.RETRYING):
            raise _failure(job)
    return jobs


def run_until_idle_sync(app: App, *, check: bool = False, timeout: float = TIMEOUT) -> list[RanJob]:
    """The form of :func:`run_until_idle` for tests without an event loop."""
    refuse_loop("run_until_idle_sync", "await run_until_idle(...)")

    async def run() -> list[RanJob]:
        try:
            return await run_until_idle(app, check=check, timeout=timeout)
        finally:
            await app.close()

    return asyncio.run(run())


class _Run:
    """One run: promotes and fires what is due, and looks at the queues while a worker works.

    Args:
        app: The app.
        lane: Used by nobody else.
    """

    def __init__(self, app: App, lane: "Lane") -> None:
        from jobqueue.scheduler.firer import Firer
        from jobqueue.scheduler.promoter import Promoter
        from jobqueue.scheduler.timetable import Timetable

        self._services = app.services
        self._lane = lane
        self._keys = app.wiring.calls.keys
        self._promoter = Promoter(lane, lane, app.wiring.calls)
        stopped = calls_of(app).time_us is not None
        schedules = Timetable(app.services.scheduled() if stopped else [])
        self._firer = Firer(lane, app.wiring.calls, app.wiring.splits, schedules)
        self._recording = app.settings.database_url is not None

    async def until_idle(self) -> list[Execution]:
        """Return the rows of what ran or ended, queue by queue."""
        marks = {queue: await self._last(queue) for queue in await self._queues()}
        while await self._busy():
            queues = await self._queues()
            worker = await self._services.worker(list(by_queue(queues)))
            async with _working(worker) as working:
                await self._watch(working, queues)
        rows = [row for queue in await self._queues() for row in await self._rows(queue, marks)]
        if self._recording:
            await self._record()
        return rows

    async def _queues(self) -> list[str]:
        from jobqueue.broker import lookup

        return await lookup.queues(self._lane, self._keys)

    async def _busy(self) -> bool:
        """Let time do its work; say whether something is ready or runs."""
        await self._firer.look()
        if self._firer.problem is not None:
            raise ConfigurationError(self._firer.problem)
        queues = await self._queues()
        while not await self._promoter.promote(queues):  # no wait: there was more than fits a turn
            pass
        return any([await self._has_work(queue) for queue in queues])

    async def _has_work(self, queue: str) -> bool:
        view = await self._view(queue)
        if view.running or not any(view.ready.values()):
            return view.running > 0
        # Jobs that a rate of the whole queue holds back stay in their stream.
        marker = await self._lane.command("ZSCORE", self._keys.scheduled(queue), " rate:queue")
        # A fetch that came since we looked has set the marker, and what it took runs.
        return marker is None or (await self._view(queue)).running > 0

    async def _view(self, queue: str) -> "QueueView":
        from jobqueue.broker import lookup

        return await lookup.queue(self._lane, self._keys, queue)

    async def _watch(self, working: "asyncio.Task[None]", queues: Sequence[str]) -> None:
        """Return when nothing is left to do, or when there is a queue that nobody serves."""
        pause = SHORTEST
        while await self._busy() and await self._queues() == queues:
            await asyncio.wait({working}, timeout=pause)
            if working.done():
                working.result()
                return
            pause = min(LONGEST, pause * 1.2)

    async def _last(self, queue: str) -> str:
        found = await self._lane.command(
            "XREVRANGE", self._keys.journal(queue), "+", "-", "COUNT", 1
        )
        return f"({found[0][0].decode()}" if found else "-"

    async def _rows(self, queue: str, marks: Mapping[str, str]) -> list[Execution]:
        start = marks.get(queue, "-")
        entries = await self._lane.command("XRANGE", self._keys.journal(queue), start, "+")
        return [
            executions.unpack(record)
            for _, fields in entries
            for record in executions.split(fields[1])
        ]

    async def _record(self) -> None:
        """Let a recorder work until the history has every row."""
        async with _working(await self._services.recorder()) as working:
            journals = [("XLEN", self._keys.journal(queue)) for queue in await self._queues()]
            while journals and any(await self._lane.commands(journals)):
                await asyncio.wait({working}, timeout=SHORTEST)
                if working.done():  # it can't record: the schema is wrong, or the server too old
                    working.result()


@asynccontextmanager
async def _working(service: "Worker | Service") -> "AsyncIterator[asyncio.Task[None]]":
    """Run a service beside the block; after an error it does not wait for what hangs."""
    task = asyncio.create_task(service.run())
    try:
        yield task
        service.stop()
    except BaseException:
        task.cancel()
        await asyncio.wait({task})
        raise
    await task


def _by_job(rows: Iterable[Execution]) -> list[RanJob]:
    jobs: dict[tuple[str, str], list[Execution]] = {}
    for row in rows:
        jobs.setdefault((queue_of(row.queue), row.job_id), []).append(row)
    return [_ran(each) for each in jobs.values()]


def _ran(rows: Sequence[Execution]) -> RanJob:
    last = rows[-1]
    failed = last.error_type is not None
    return RanJob(
        id=last.job_id,
        name=last.name,
        queue=queue_of(last.queue),
        arguments=msgspec.json.decode(unpack_spec(last.spec).arguments),
        state=_state(last),
        outcomes=tuple(row.outcome for row in rows),
        result=None if last.result is None else msgspec.json.decode(last.result),
        error=Failure(last.error_type or "", last.error_message or "", last.traceback or "")
        if failed
        else None,
    )


def _state(row: Execution) -> State:
    if row.final:
        return State.DEAD if row.outcome in DEAD_OUTCOMES else State(row.outcome)
    return _AGAIN.get(row.outcome, State.RETRYING)


def _failure(job: RanJob) -> JobFailed:
    error = job.error or Failure("", "")
    return JobFailed(job.id, error.type, error.message, error.traceback)
