"""Where handlers run: on the event loop, in a thread, in a child process."""

import asyncio
import contextvars
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from jobqueue.domain.context import CurrentJob
from jobqueue.domain.handlers import Handler, Kind
from jobqueue.domain.jobs import Spec
from jobqueue.domain.outcomes import Outcome
from jobqueue.worker.attempt import Attempt
from jobqueue.worker.bounds import UNBOUNDED
from jobqueue.worker.held import Held
from jobqueue.worker.threads import Call, Threads

log = logging.getLogger("jobqueue.worker")


class Place(Protocol):
    """Runs handlers of one kind."""

    async def run(self, attempt: Attempt) -> Outcome:
        """Run the handler within its bounds and return what it came to."""


Places = Mapping[Kind, Place]


class OnLoop:
    """Runs coroutine functions."""

    async def run(self, attempt: Attempt) -> Outcome:
        """Await the handler; a timeout cancels it."""
        function, args, kwargs = attempt.handler.function, attempt.args, attempt.kwargs
        limit = None
        attempt.starts()
        try:
            left = attempt.bounds.left(attempt.held)
            if left is None:
                return attempt.returned(await function(*args, **kwargs))
            async with asyncio.timeout(left) as limit:
                value = await function(*args, **kwargs)
            # A handler may swallow its cancellation and return: it was too late all the same.
            return attempt.late() if limit.expired() else attempt.returned(value)
        except BaseException as error:  # noqa: BLE001 - SystemExit ends an attempt, not the worker
            if limit is not None and limit.expired():
                return attempt.late(error)
            return attempt.ended(error)


class InThread:
    """Runs plain functions.

    Args:
        threads: The threads.
    """

    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    async def run(self, attempt: Attempt) -> Outcome:
        """Call the handler in a thread and wait until it really returns."""
        held, bounds = attempt.held, attempt.bounds

        def begins() -> None:
            held.in_thread = True
            attempt.starts()

        function = partial(attempt.handler.function, *attempt.args, **attempt.kwargs)
        call = Call(function, contextvars.copy_context(), begins)
        given_up = None
        try:
            self._threads.start(call)
            try:
                # Where nothing bounds it, nobody has to know when it begins: one wake-up less.
                if bounds is not UNBOUNDED and not await call.begun(bounds.until_start(held)):
                    return attempt.overdue()
            except asyncio.CancelledError as told:
                given_up = told  # and still it may have begun in this very moment
            late = not await _returned(call, bounds.left(held), held, given_up)
            if late:
                # A thread can't be stopped: a timeout is settled when it really returns, so
                # that its slot, lock and lease are held as long as it works.
                log.warning("thread runs past its timeout", extra=held.fields())
                await _returned(call, None, held)
        finally:
            self._threads.withdraw(call)
            held.in_thread = False
        value, error = call.value, call.error
        if late:
            return attempt.late(error)
        return attempt.ended(error) if error is not None else attempt.returned(value)


async def _returned(
    call: Call,
    timeout: float | None,
    held: Held,
    given_up: asyncio.CancelledError | None = None,
) -> bool:
    """Wait for a thread; a worker that stops leaves it behind."""
    while True:
        if given_up is not None:
            if not held.in_thread or (held.released and held.dropped):
                raise given_up
            # Others own the job, or a middleware lost its patience, and still the thread
            # has its slot until it returns. What a stopping worker hears in time counts.
            given_up, timeout = None if held.released else given_up, None
        try:
            done = await call.returned(timeout)
        except asyncio.CancelledError as error:
            given_up = error
            continue
        if given_up is not None and not held.dropped:
            raise given_up
        return done


class Children(Protocol):
    """Runs a process handler in a child; cancelling it kills the child."""

    async def run(
        self, handler: Handler, spec: Spec, job: CurrentJob, started: Callable[[], None]
    ) -> Outcome:
        """Return what the handler came to; call ``started`` when it starts."""


class InChild:
    """Runs handlers with ``process=True``.

    Args:
        children: The child processes.
    """

    def __init__(self, children: Children) -> None:
        self._children = children

    async def run(self, attempt: Attempt) -> Outcome:
        """Let a child call the handler; a timeout kills the child."""
        loop = asyncio.get_running_loop()
        held, bounds = attempt.held, attempt.bounds
        held.deadline_ms = bounds.ends_ms(held)

        def started() -> None:
            # Importing the handler's code in a new child is no part of its time.
            attempt.starts()
            left = bounds.left(held)
            limit.reschedule(None if left is None else loop.time() + left)

        try:
            async with asyncio.timeout(bounds.until_start(held)) as limit:
                return await self._children.run(attempt.handler, held.spec, held.current(), started)
        except TimeoutError:
            return attempt.late() if held.started_us else attempt.overdue()


def everywhere(threads: Threads, children: Children) -> Places:
    """Return a place for every kind."""
    return {
        Kind.ASYNC: OnLoop(),
        Kind.THREAD: InThread(threads),
        Kind.PROCESS: InChild(children),
    }
