"""Runs one handler and says what it came to. No I/O but the handler's own."""

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import msgspec

from jobqueue.domain import context
from jobqueue.domain.arguments import ArgumentsMismatch
from jobqueue.domain.context import CurrentJob
from jobqueue.domain.extensions import RunMiddleware
from jobqueue.domain.handlers import Handler, Kind
from jobqueue.domain.jobs import Spec
from jobqueue.domain.outcomes import (
    Cancelled,
    Failed,
    Failure,
    Mismatch,
    Outcome,
    Overdue,
    Released,
    Snoozed,
    Succeeded,
    TimedOut,
    Unknown,
)
from jobqueue.domain.redaction import scrub
from jobqueue.worker.bounds import UNBOUNDED, Bounds, deadline_of
from jobqueue.worker.clock import monotonic_us
from jobqueue.worker.failures import failure
from jobqueue.worker.held import Held
from jobqueue.worker.middleware import through
from jobqueue.worker.threads import Threads
from jobqueue.worker.verdicts import mismatched, raised, returned

log = logging.getLogger("jobqueue.worker")

_spec = msgspec.msgpack.Decoder(Spec)


class Children(Protocol):
    """Runs a process handler in a child; cancelling it kills the child."""

    async def run(
        self, handler: Handler, spec: Spec, job: CurrentJob, started: Callable[[], None]
    ) -> Outcome:
        """Return what the handler came to; call ``started`` when it starts."""

    def shut_down(self) -> None:
        """Tell every child that the worker begins to stop."""

    async def close(self) -> None:
        """End every child."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Defaults and sizes that every attempt is held to; seconds and bytes."""

    timeout: float | None
    result: int
    traceback: int


class Executor:
    """Turns a delivery into an outcome.

    Args:
        limits: Default timeout and sizes.
        threads: Where plain functions run.
        children: Where ``process=True`` handlers run.
        around: Middleware around every run, the outermost first.
        started: Called when a handler starts.
    """

    def __init__(
        self,
        limits: Limits,
        threads: Threads,
        children: Children,
        around: Sequence[RunMiddleware] = (),
        started: Callable[[Held], None] | None = None,
    ) -> None:
        self._limits = limits
        self._threads = threads
        self._children = children
        self._around = around
        self._tell = started

    async def run(self, held: Held) -> Outcome:
        """Run the handler of ``held`` and return its outcome; never raises."""
        handler = held.handler
        if handler is None:
            return Unknown(held.delivery.unknown)
        try:
            spec = held.spec = _spec.decode(held.delivery.spec)
            args, kwargs = handler.parameters.decode(spec.arguments)
        except BaseException as error:  # noqa: BLE001 - a model's own checks are the user's code
            return _redacted(_misfit(error), held)
        bounds = self._bounds(held, handler)
        context.running.set(held)
        try:
            if self._around or bounds is not UNBOUNDED or handler.kind is not Kind.ASYNC:
                outcome = await self._with_all(handler, args, kwargs, bounds, held)
            elif (stopped := _stopped(held, bounds)) is not None:
                outcome = stopped
            else:  # most jobs: nothing stands between the loop and the handler
                self._started(held, bounds)
                outcome = self._succeeded(await handler.function(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - whatever a handler does, the worker lives
            outcome = self._ended(error, held)
        held.ended_us = monotonic_us()
        return _redacted(outcome, held) if handler.redact or held.spec.redact else outcome

    async def _with_all(
        self,
        handler: Handler,
        args: list[Any],
        kwargs: dict[str, Any],
        bounds: Bounds,
        held: Held,
    ) -> Outcome:
        """Run a job that has bounds, middleware or a place of its own to run in."""
        held.deadline_ms = bounds.ends_ms(held)
        began = monotonic_us()
        run = partial(self._run, handler, args, kwargs, bounds, held)
        try:
            if self._around and _stopped(held, bounds) is None:
                outcome = await through(self._around, held.current(), run, self._succeeded)
            else:
                outcome = await run()
        except BaseException as error:  # noqa: BLE001 - see run
            outcome = self._ended(error, held)
        if not held.started_us and isinstance(outcome, Succeeded | Failed | Snoozed):
            held.started_us = began  # a middleware that answers instead makes an attempt of it too
        return outcome

    async def _run(
        self,
        handler: Handler,
        args: list[Any],
        kwargs: dict[str, Any],
        bounds: Bounds,
        held: Held,
    ) -> Outcome:
        if (stopped := _stopped(held, bounds)) is not None:
            return stopped
        if handler.kind is Kind.ASYNC:
            self._started(held, bounds)
            return await self._guard(handler.function, args, kwargs, bounds, held)
        if handler.kind is Kind.THREAD:
            return await self._thread(partial(handler.function, *args, **kwargs), bounds, held)
        return await self._child(handler, bounds, held)

    def _bounds(self, held: Held, handler: Handler) -> Bounds:
        spec = held.spec
        timeout = self._limits.timeout if handler.timeout is None else handler.timeout
        if spec.timeout_ms is not None:
            timeout = spec.timeout_ms / 1000
        if timeout is spec.deadline_ms is spec.deadline_in_ms is None:
            return UNBOUNDED
        return Bounds(timeout, deadline_of(spec, held.delivery.run, held.delivery.enqueued_ms))

    def _started(self, held: Held, bounds: Bounds) -> None:
        if not held.started_us:
            held.started_us = monotonic_us()
            if bounds is not UNBOUNDED:
                held.deadline_ms = bounds.ends_ms(held)
            if self._tell is not None:
                self._tell(held)

    async def _guard(
        self,
        function: Callable[..., Awaitable[Any]],
        args: list[Any],
        kwargs: dict[str, Any],
        bounds: Bounds,
        held: Held,
    ) -> Outcome:
        limit = None
        try:
            left = bounds.left(held)
            if left is None:
                return self._succeeded(await function(*args, **kwargs))
            async with asyncio.timeout(left) as limit:
                value = await function(*args, **kwargs)
            # A handler may swallow its cancellation and return: it was too late all the same.
            return self._late(bounds, held) if limit.expired() else self._succeeded(value)
        except BaseException as error:  # noqa: BLE001 - SystemExit ends an attempt, not the worker
            if limit is not None and limit.expired():
                return self._late(bounds, held, error)
            return self._ended(error, held)

    async def _thread(self, call: Callable[[], Any], bounds: Bounds, held: Held) -> Outcome:
        try:
            async with asyncio.timeout(bounds.until_deadline(held)):
                future = await self._threads.start(call, contextvars.copy_context())
        except TimeoutError:
            return _overdue(held)
        held.in_thread = True
        self._started(held, bounds)
        try:
            late = not await self._returned(future, bounds.left(held), held)
            if late:
                # A thread can't be stopped: a timeout is settled when it really returns, so
                # that its slot, lock and lease are held as long as it works.
                log.warning("thread runs past its timeout", extra=held.fields())
                await self._returned(future, None, held)
        finally:
            held.in_thread = False
        value, error = future.result()
        if late:
            return self._late(bounds, held, error)
        if held.heard:  # it looked, and stopped by itself
            return Cancelled()
        return self._ended(error, held) if error is not None else self._succeeded(value)

    @staticmethod
    async def _returned(future: "asyncio.Future[Any]", timeout: float | None, held: Held) -> bool:
        """Wait for a thread; a worker that stops leaves it behind."""
        given_up = None
        while True:
            try:
                done, _ = await asyncio.wait({future}, timeout=timeout)
            except asyncio.CancelledError as error:
                if held.released and held.dropped:
                    raise
                # Others own the job, or a middleware lost its patience, and still the thread
                # has its slot until it returns. What a stopping worker hears in time counts.
                given_up, timeout = None if held.released else error, None
            else:
                if given_up is not None and not held.dropped:
                    raise given_up
                return bool(done)

    async def _child(self, handler: Handler, bounds: Bounds, held: Held) -> Outcome:
        loop = asyncio.get_running_loop()
        held.deadline_ms = bounds.ends_ms(held)

        def started() -> None:
            # Importing the handler's code in a new child is no part of its time.
            self._started(held, bounds)
            left = bounds.left(held)
            if left is not None:
                limit.reschedule(loop.time() + left)

        try:
            async with asyncio.timeout(bounds.until_deadline(held)) as limit:
                outcome = await self._children.run(handler, held.spec, held.current(), started)
        except TimeoutError:
            return self._late(bounds, held) if held.started_us else _overdue(held)
        return outcome

    def _ended(self, error: BaseException, held: Held) -> Outcome:
        """Return the outcome of a handler that raised; being told to stop is no failure."""
        if held.cancelling:
            return Cancelled()
        if held.released or held.dropped:
            return Released()
        return raised(error, self._limits.traceback, handler=held.handler)

    def _succeeded(self, value: Any) -> Outcome:
        return returned(value, self._limits.result, self._limits.traceback)

    def _late(self, bounds: Bounds, held: Held, error: BaseException | None = None) -> Outcome:
        trace = failure(error, self._limits.traceback, skip=1).traceback if error else ""
        return TimedOut(Failure("TimeoutError", bounds.exceeded(held), trace))


def _stopped(held: Held, bounds: Bounds) -> Outcome | None:
    """Return what a job comes to that may not start, or not be run again; None where it may."""
    if held.cancelling:
        return Cancelled()
    if held.released or held.dropped:
        return Released()
    left = None if bounds is UNBOUNDED else bounds.left(held)
    return _overdue(held) if left is not None and left <= 0 else None


def _overdue(held: Held) -> Outcome:
    if held.started_us:
        return TimedOut(Failure("TimeoutError", "no time was left to run it again"))
    return Overdue(Failure("TimeoutError", "its deadline was over before it could start"))


def _redacted(outcome: Outcome, held: Held) -> Outcome:
    """Return the outcome without the values that people may not see in its error."""
    names = held.handler.redact if held.handler else ()
    if not names or not isinstance(outcome, Failed | TimedOut | Mismatch):
        return outcome
    message, trace = (
        scrub(text, held.spec.arguments, names)
        for text in (outcome.failure.message, outcome.failure.traceback)
    )
    return replace(outcome, failure=Failure(outcome.failure.type, message, trace))


def _misfit(error: BaseException) -> Outcome:
    """Return the outcome of arguments that could not be decoded."""
    text = failure(error, 0)
    ours = isinstance(error, ArgumentsMismatch | msgspec.MsgspecError)
    message = text.message if ours else f"{text.type}: {text.message}"
    return mismatched(ArgumentsMismatch(message))
