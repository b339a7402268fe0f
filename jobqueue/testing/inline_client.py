"""A client without a server: it runs each job itself, with the parts that a worker is made of."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import replace
from inspect import iscoroutinefunction
from typing import Any, NoReturn

from jobqueue.broker.messages import Settlement, Watched
from jobqueue.client.blocking import refuse_loop
from jobqueue.client.handle import Answer, JobHandle, Status, Wanted
from jobqueue.client.outcomes import value
from jobqueue.client.parts import check_one
from jobqueue.client.prepared import Prepared
from jobqueue.domain.context import Progress
from jobqueue.domain.errors import ConfigurationError, JobConflict, JobNotFound, ResultGone
from jobqueue.domain.handlers import Handler, Kind
from jobqueue.domain.jobs import State
from jobqueue.domain.retry import Retry
from jobqueue.testing.apps import App
from jobqueue.testing.caller import CallerThread
from jobqueue.testing.inline_attempts import attempt, first, following
from jobqueue.worker.attempt import Limits
from jobqueue.worker.executor import Executor
from jobqueue.worker.held import Held, Shared
from jobqueue.worker.hooks import Hooks
from jobqueue.worker.places import InThread, OnLoop, Places
from jobqueue.worker.settlements import Scribe, Written
from jobqueue.worker.threads import Threads

MOST = 1000  # attempts and snoozes of one job: a handler that always wants another never ends
PATIENCE = 5.0  # seconds for async hooks at the end of a job

# What the job that is running around this one has: its resources are open already.
_around: ContextVar[Shared] = ContextVar("jobqueue_inline")


class InlineClient:
    """Sends jobs nowhere and runs them at once.

    Args:
        app: The app whose handlers it runs.
        raises: Whether ``enqueue`` raises what the last attempt raised.
    """

    def __init__(self, app: App, *, raises: bool) -> None:
        self._app = app
        self._raises = raises
        self._ended: dict[tuple[str, str], Watched] = {}
        self._turns: dict[asyncio.AbstractEventLoop, asyncio.Lock] = {}

    async def enqueue(self, prepared: Prepared) -> JobHandle[Any]:
        """Run one job; plain functions run in a thread, as on a worker."""
        threads = Threads(1, asyncio.get_running_loop())
        try:
            # A task of its own: what it sets in its context is gone when the job has ended.
            await asyncio.create_task(self._run(prepared, threads))
        finally:
            threads.close()
        return self._handle(prepared)

    def enqueue_sync(self, prepared: Prepared) -> JobHandle[Any]:
        """Run one job; plain functions run in this thread."""
        refuse_loop("enqueue_sync", "await enqueue(...)")
        caller = CallerThread()
        caller.run(lambda: self._run(prepared, caller))
        return self._handle(prepared)

    async def enqueue_many(self, jobs: Iterable[Prepared]) -> list[JobHandle[Any]]:
        """Run jobs, one after the other."""
        return [await self.enqueue(prepared) for prepared in jobs]

    def enqueue_many_sync(self, jobs: Iterable[Prepared]) -> list[JobHandle[Any]]:
        """Run jobs, one after the other."""
        refuse_loop("enqueue_many_sync", "await enqueue_many(...)")
        return [self.enqueue_sync(prepared) for prepared in jobs]

    async def result(self, wanted: Wanted) -> object:
        """Return or raise what a job came to; it has ended, so nobody waits."""
        return self.result_sync(wanted)

    def result_sync(self, wanted: Wanted) -> object:
        """Return or raise what a job came to; it has ended, so nobody waits."""
        found = self._ended.get((wanted.queue, wanted.job_id))
        if found is None:
            raise ResultGone(wanted.job_id)
        return value(found, wanted.returns)

    async def cancel(self, queue: str, job_id: str, _reason: str) -> State:
        """Refuse: the job has ended."""
        return self.cancel_sync(queue, job_id, _reason)

    def cancel_sync(self, queue: str, job_id: str, _reason: str) -> State:
        """Refuse: the job has ended.

        Raises:
            JobConflict: Always, for a job that ran here.
            JobNotFound: It did not.
        """
        found = self._ended.get((queue, job_id))
        if found is None:
            raise JobNotFound(job_id)
        raise JobConflict(job_id, found.state)

    async def close(self) -> None:
        """Do nothing: there are no connections."""

    def close_sync(self) -> None:
        """Do nothing: there are no connections."""

    def _handle(self, prepared: Prepared) -> JobHandle[Any]:
        answer = Answer(Status.CREATED, prepared.queue)
        return JobHandle(prepared.job.id, answer, self, prepared.returns)

    async def _run(self, prepared: Prepared, threads: Threads) -> None:
        handler = _handler(self._app, prepared)
        if n := self._app.wiring.splits.declared(prepared.queue):
            check_one(prepared, n)
        settings = self._app.settings
        limits = Limits(settings.default_timeout, settings.max_result, settings.max_traceback)
        hooks = Hooks(self._app.extensions.hooks)
        around = self._app.extensions.around_run
        places: Places = {Kind.ASYNC: OnLoop(), Kind.THREAD: InThread(threads)}
        executor = Executor(limits, places, around, hooks.started)
        scribe = Scribe("inline", settings.code_version or "", Retry(settings.retries))
        delivery = first(prepared)
        async with self._resources() as shared:
            for _ in range(MOST):
                written = await attempt(prepared.queue, delivery, handler, shared, executor, scribe)
                hooks.settled(written.held, written.decision, written.outcome)
                if written.decision.final:
                    break
                delivery = following(delivery, written)
            else:
                raise RuntimeError(f"job {prepared.job.name!r} did not end in {MOST} attempts")
            await hooks.close(PATIENCE)
        self._end(prepared, written)

    def _end(self, prepared: Prepared, written: Written) -> None:
        job_id, state = prepared.job.id, written.decision.state
        assert isinstance(written.settlement, Settlement)  # noqa: S101 - it is final
        ended = Watched(job_id, state.value, written.settlement.payload)
        self._ended[prepared.queue, job_id] = ended
        if self._raises and state is not State.SUCCEEDED:
            error = getattr(written.outcome, "error", None)
            _raise(error, ended)

    @asynccontextmanager
    async def _resources(self) -> AsyncIterator[Shared]:
        """Open the app's resources around a job; jobs that it enqueues share them."""
        lifespan, around = self._app.extensions.lifespan, _around.get(None)
        if around is not None:
            yield around
            return
        shared = Shared(_NoReports())
        _around.set(shared)
        if lifespan is None:
            yield shared
            return
        # An app has one lifespan at a time: concurrent jobs take turns.
        turn = self._turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        async with turn, lifespan.opened() as state:
            shared.lifespan = (state,)
            yield shared


class _NoReports:
    def report(self, held: Held, progress: Progress) -> None:
        """Tell nobody."""


def _handler(app: App, prepared: Prepared) -> Handler:
    handler = app.jobs.get(prepared.job.name)
    if handler is None:
        raise ConfigurationError(
            f"no handler {prepared.job.name!r} is declared here, so it can't run inline"
        )
    if handler.kind is not Kind.PROCESS:
        return handler
    kind = Kind.ASYNC if iscoroutinefunction(handler.function) else Kind.THREAD
    return replace(handler, kind=kind)


def _raise(error: BaseException | None, ended: Watched) -> NoReturn:
    """Raise what the handler raised, or what ``result()`` would where that can't be raised here."""
    if isinstance(error, Exception):
        raise error
    value(ended, None)
    raise RuntimeError(f"a job that has not succeeded has a value: {ended}")
