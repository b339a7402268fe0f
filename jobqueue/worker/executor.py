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
    Outcome,
    Overdue,
    Released,
    TimedOut,
    Unknown,
)
from jobqueue.domain.redaction import scrub
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
    """

    def __init__(
        self,
        limits: Limits,
        threads: Threads,
        children: Children,
        around: Sequence[RunMiddleware] = (),
    ) -> None:
        self._limits = limits
        self._threads = threads
        self._children = children
        self._around = around

    async def run(self, held: Held) -> Outcome:
        """Run the handler of ``held`` and return its outcome; never raises."""
        handler = held.handler
        if handler is None:
            return Unknown(held.delivery.unknown)
        try:
            spec = held.spec = _spec.decode(held.delivery.spec)
            args, kwargs = handler.parameters.decode(spec.arguments)
        except BaseException as error:  # noqa: BLE001 - a model's own checks are the user's code
            return _misfit(error)
        timeout = self._timeout(spec, handler, held)
        if timeout is not None and timeout <= 0:
            return _overdue()
        context.running.set(held)
        try:
            if self._around:
                run = partial(self._run, handler, args, kwargs, timeout, held)
                outcome = await through(self._around, held.current(), run, self._succeeded)
            else:
                outcome = await self._run(handler, args, kwargs, timeout, held)
        except BaseException as error:  # noqa: BLE001 - whatever a handler does, the worker lives
            outcome = self._ended(error, held)
        held.ended_us = monotonic_us()
        return _redacted(outcome, spec, handler) if handler.redact else outcome

    async def _run(
        self,
        handler: Handler,
        args: list[Any],
        kwargs: dict[str, Any],
        timeout: float | None,
        held: Held,
    ) -> Outcome:
        if handler.kind is Kind.ASYNC:
            held.started_us = monotonic_us()
            return await self._guard(handler.function, args, kwargs, timeout, held)
        if handler.kind is Kind.THREAD:
            return await self._thread(partial(handler.function, *args, **kwargs), timeout, held)
        return await self._child(handler, timeout, held)

    def _timeout(self, spec: Spec, handler: Handler, held: Held) -> float | None:
        """Return the seconds that the attempt has; 0 or less when the deadline is over."""
        timeout = self._limits.timeout if handler.timeout is None else handler.timeout
        if spec.timeout_ms is not None:
            timeout = spec.timeout_ms / 1000
        bounded = spec.deadline_ms is not None or spec.deadline_in_ms is not None
        deadline = deadline_of(held) if bounded else None
        if timeout is None and deadline is None:
            return None
        now_ms = (monotonic_us() + held.clock_us) / 1000
        ends = [] if timeout is None else [now_ms + timeout * 1000]
        ends += [] if deadline is None else [deadline]
        held.deadline_ms = int(min(ends))
        return (min(ends) - now_ms) / 1000

    async def _guard(
        self,
        function: Callable[..., Awaitable[Any]],
        args: list[Any],
        kwargs: dict[str, Any],
        timeout: float | None,
        held: Held,
    ) -> Outcome:
        limit = None
        try:
            if timeout is None:
                return self._succeeded(await function(*args, **kwargs))
            async with asyncio.timeout(timeout) as limit:
                value = await function(*args, **kwargs)
            # A handler may swallow its cancellation and return: it was too late all the same.
            return self._late(timeout, None) if limit.expired() else self._succeeded(value)
        except BaseException as error:  # noqa: BLE001 - SystemExit ends an attempt, not the worker
            if timeout is not None and limit is not None and limit.expired():
                return self._late(timeout, error)
            return self._ended(error, held)

    async def _thread(self, call: Callable[[], Any], timeout: float | None, held: Held) -> Outcome:
        future = await self._threads.start(call, contextvars.copy_context())
        held.started_us = monotonic_us()
        late = not await self._returned(future, timeout, held)
        if late:
            # A thread can't be stopped: a timeout is settled when it really returns, so
            # that its slot, lock and lease are held as long as it works.
            log.warning("thread runs past its timeout", extra=held.fields())
            await self._returned(future, None, held)
        value, error = future.result()
        if late and timeout is not None:
            return self._late(timeout, error)
        return self._ended(error, held) if error is not None else self._succeeded(value)

    @staticmethod
    async def _returned(future: "asyncio.Future[Any]", timeout: float | None, held: Held) -> bool:
        """Wait for a thread; a worker that stops leaves it behind."""
        while True:
            try:
                done, _ = await asyncio.wait({future}, timeout=timeout)
            except asyncio.CancelledError:
                # Others own the job, and still the thread has its slot until it returns.
                if held.released or not held.dropped:
                    raise
            else:
                return bool(done)

    async def _child(self, handler: Handler, timeout: float | None, held: Held) -> Outcome:
        def started() -> None:
            # Importing the handler's code in a new child is no part of its time.
            held.started_us = monotonic_us()
            if timeout is not None:
                limit.reschedule(asyncio.get_running_loop().time() + timeout)

        try:
            async with asyncio.timeout(None) as limit:
                outcome = await self._children.run(handler, held.spec, held.current(), started)
        except TimeoutError:
            return self._late(timeout or 0, None)
        if isinstance(outcome, Failed) and not held.started_us:
            held.started_us = monotonic_us()  # a child that could not start is an attempt too
        return outcome

    def _ended(self, error: BaseException, held: Held) -> Outcome:
        """Return the outcome of a handler that raised; being told to stop is no failure."""
        if held.cancelled:
            return Cancelled()
        if held.released or held.dropped:
            return Released()
        return raised(error, self._limits.traceback, handler=held.handler)

    def _succeeded(self, value: Any) -> Outcome:
        return returned(value, self._limits.result, self._limits.traceback)

    def _late(self, timeout: float, error: BaseException | None) -> Outcome:
        trace = failure(error, self._limits.traceback, skip=1).traceback if error else ""
        return TimedOut(
            Failure("TimeoutError", f"ran longer than its timeout of {timeout:g} s", trace)
        )


def deadline_of(held: Held) -> int | None:
    """Return the job's own deadline in ms since the epoch, on the Redis clock, if it has one.

    A dead letter that was put back has none: it would be over.
    """
    spec, delivery = held.spec, held.delivery
    if delivery.run:
        return None
    if spec.deadline_in_ms is not None:
        return delivery.enqueued_ms + spec.deadline_in_ms
    return spec.deadline_ms


def _redacted(outcome: Outcome, spec: Spec, handler: Handler) -> Outcome:
    """Return the outcome without the values that people may not see in its error."""
    if not isinstance(outcome, Failed | TimedOut):
        return outcome
    message, trace = (
        scrub(text, spec.arguments, handler.redact)
        for text in (outcome.failure.message, outcome.failure.traceback)
    )
    return replace(outcome, failure=Failure(outcome.failure.type, message, trace))


def _overdue() -> Outcome:
    return Overdue(Failure("TimeoutError", "its deadline was over before it could start"))


def _misfit(error: BaseException) -> Outcome:
    """Return the outcome of arguments that could not be decoded."""
    text = failure(error, 0)
    ours = isinstance(error, ArgumentsMismatch | msgspec.MsgspecError)
    message = text.message if ours else f"{text.type}: {text.message}"
    return mismatched(ArgumentsMismatch(message))
