"""Runs one handler and says what it came to. No I/O but the handler's own."""

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import msgspec

from jobqueue.domain import context
from jobqueue.domain.arguments import Mismatch as ArgumentsMismatch
from jobqueue.domain.context import CurrentJob
from jobqueue.domain.handlers import Handler, Kind
from jobqueue.domain.jobs import Spec
from jobqueue.domain.outcomes import Failed, Failure, Outcome, Released, TimedOut, Unknown
from jobqueue.worker.clock import monotonic_us
from jobqueue.worker.failures import failure
from jobqueue.worker.held import Held
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
    """

    def __init__(self, limits: Limits, threads: Threads, children: Children) -> None:
        self._limits = limits
        self._threads = threads
        self._children = children

    async def run(self, held: Held) -> Outcome:
        """Run the handler of ``held`` and return its outcome; never raises."""
        handler = held.handler
        if handler is None:
            return Unknown(held.delivery.delivery - 1)
        try:
            spec = held.spec = _spec.decode(held.delivery.spec)
            args, kwargs = handler.parameters.decode(spec.arguments)
        except BaseException as error:  # noqa: BLE001 - a model's own checks are the user's code
            return _misfit(error)
        timeout = self._timeout(spec, handler)
        job = held.current()
        try:
            match handler.kind:
                case Kind.ASYNC:
                    context.running.set(job)
                    held.started_us = monotonic_us()
                    outcome = await self._guard(handler.function, args, kwargs, timeout, held)
                case Kind.THREAD:
                    outcome = await self._thread(
                        partial(handler.function, *args, **kwargs), timeout, job, held
                    )
                case Kind.PROCESS:
                    outcome = await self._child(handler, spec, timeout, job, held)
        except BaseException as error:  # noqa: BLE001 - whatever a handler does, the worker lives
            outcome = self._ended(error, held)
        held.ended_us = monotonic_us()
        return outcome

    def _timeout(self, spec: Spec, handler: Handler) -> float | None:
        if spec.timeout_ms is not None:
            return spec.timeout_ms / 1000
        return handler.timeout if handler.timeout is not None else self._limits.timeout

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

    async def _thread(
        self, call: Callable[[], Any], timeout: float | None, job: CurrentJob, held: Held
    ) -> Outcome:
        scope = contextvars.copy_context()
        scope.run(context.running.set, job)
        future = await self._threads.start(call, scope)
        held.started_us = monotonic_us()
        late = not await self._returned(future, timeout, held)
        if late:
            # A thread can't be stopped: a timeout is settled when it really returns, so
            # that its slot, lock and lease are held as long as it works.
            log.warning("thread runs past its timeout", extra={"job_id": job.id, "job": job.name})
            await self._returned(future, None, held)
        value, error = future.result()
        if late and timeout is not None:
            return self._late(timeout, error)
        return self._failed(error) if error is not None else self._succeeded(value)

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

    async def _child(
        self, handler: Handler, spec: Spec, timeout: float | None, job: CurrentJob, held: Held
    ) -> Outcome:
        def started() -> None:
            # Importing the handler's code in a new child is no part of its time.
            held.started_us = monotonic_us()
            if timeout is not None:
                limit.reschedule(asyncio.get_running_loop().time() + timeout)

        try:
            async with asyncio.timeout(None) as limit:
                outcome = await self._children.run(handler, spec, job, started)
        except TimeoutError:
            return self._late(timeout or 0, None)
        if isinstance(outcome, Failed) and not held.started_us:
            held.started_us = monotonic_us()  # a child that could not start is an attempt too
        return outcome

    def _ended(self, error: BaseException, held: Held) -> Outcome:
        """Return the outcome of a handler that raised; being told to stop is no failure."""
        return Released() if held.released or held.dropped else self._failed(error)

    def _succeeded(self, value: Any) -> Outcome:
        return returned(value, self._limits.result, self._limits.traceback)

    def _late(self, timeout: float, error: BaseException | None) -> Outcome:
        trace = failure(error, self._limits.traceback, skip=1).traceback if error else ""
        return TimedOut(
            Failure("TimeoutError", f"ran longer than its timeout of {timeout:g} s", trace)
        )

    def _failed(self, error: BaseException) -> Outcome:
        return raised(error, self._limits.traceback)


def _misfit(error: BaseException) -> Outcome:
    """Return the outcome of arguments that could not be decoded."""
    text = failure(error, 0)
    ours = isinstance(error, ArgumentsMismatch | msgspec.MsgspecError)
    message = text.message if ours else f"{text.type}: {text.message}"
    return mismatched(ArgumentsMismatch(message))
