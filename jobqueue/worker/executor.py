"""Runs one handler and says what it came to. No I/O but the handler's own."""

from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from jobqueue.domain import context
from jobqueue.domain.arguments import ArgumentsMismatch
from jobqueue.domain.extensions import RunMiddleware
from jobqueue.domain.handlers import Handler, Kind
from jobqueue.domain.jobs import unpack_spec
from jobqueue.domain.outcomes import (
    Failed,
    Mismatch,
    Outcome,
    Snoozed,
    Succeeded,
    TimedOut,
    Unknown,
)
from jobqueue.domain.redaction import scrub
from jobqueue.worker.attempt import Attempt, Limits
from jobqueue.worker.bounds import UNBOUNDED, Bounds, budget_of, deadline_of
from jobqueue.worker.clock import monotonic_us
from jobqueue.worker.failures import failure
from jobqueue.worker.held import Held
from jobqueue.worker.middleware import through
from jobqueue.worker.places import Places
from jobqueue.worker.verdicts import mismatched


class Executor:
    """Turns a delivery into an outcome.

    Args:
        limits: Default timeout and sizes.
        places: Where handlers of each kind run.
        around: Middleware around every run, the outermost first.
        started: Called when a handler starts.
    """

    def __init__(
        self,
        limits: Limits,
        places: Places,
        around: Sequence[RunMiddleware] = (),
        started: Callable[[Held], None] | None = None,
    ) -> None:
        self._limits = limits
        self._places = places
        self._around = around
        self._tell = started

    async def run(self, held: Held) -> Outcome:
        """Run the handler of ``held`` and return its outcome; never raises."""
        handler = held.handler
        if handler is None:
            return Unknown(held.delivery.unknown)
        try:
            spec = held.spec = unpack_spec(held.delivery.spec)
            args, kwargs = handler.parameters.decode(spec.arguments)
        except BaseException as error:  # noqa: BLE001 - a model's own checks are the user's code
            return _redacted(_misfit(error), held)
        bounds = self._bounds(held, handler)
        attempt = Attempt(handler, args, kwargs, bounds, held, self._limits, self._tell)
        context.running.set(held)
        try:
            if self._around or bounds is not UNBOUNDED or handler.kind is Kind.PROCESS:
                outcome = await self._with_all(attempt)
            elif (stopped := attempt.stopped()) is not None:
                outcome = stopped
            elif handler.kind is Kind.THREAD:
                outcome = await self._places[Kind.THREAD].run(attempt)
            else:  # most jobs: nothing stands between the loop and the handler
                attempt.starts()
                outcome = attempt.returned(await handler.function(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - whatever a handler does, the worker lives
            outcome = attempt.ended(error)
        held.ended_us = monotonic_us()
        return _redacted(outcome, held) if handler.redact or held.spec.redact else outcome

    async def _with_all(self, attempt: Attempt) -> Outcome:
        """Run a job that has bounds, middleware or a child to run in."""
        held = attempt.held
        held.deadline_ms = attempt.bounds.ends_ms(held)
        began = monotonic_us()

        async def run() -> Outcome:
            if (stopped := attempt.stopped()) is not None:
                return stopped
            return await self._places[attempt.handler.kind].run(attempt)

        try:
            if self._around and attempt.stopped() is None:
                outcome = await through(self._around, held.current(), run, attempt.succeeded)
            else:
                outcome = await run()
        except BaseException as error:  # noqa: BLE001 - see run
            outcome = attempt.ended(error)
        if not held.started_us and isinstance(outcome, Succeeded | Failed | Snoozed):
            held.started_us = began  # a middleware that answers instead makes an attempt of it too
        return outcome

    def _bounds(self, held: Held, handler: Handler) -> Bounds:
        spec = held.spec
        timeout = self._limits.timeout if handler.timeout is None else handler.timeout
        if spec.timeout_ms is not None:
            timeout = spec.timeout_ms / 1000
        delivery = held.delivery
        budget = budget_of(spec, handler, delivery.enqueued_ms) if delivery.attempts else None
        if timeout is spec.deadline_ms is spec.deadline_in_ms is budget is None:
            return UNBOUNDED
        deadline = deadline_of(spec, delivery.run, delivery.enqueued_ms)
        return Bounds(timeout, deadline, budget)


def _redacted(outcome: Outcome, held: Held) -> Outcome:
    """Return the outcome without the values that people may not see in its error."""
    names = held.hidden
    if not names or not isinstance(outcome, Failed | TimedOut | Mismatch):
        return outcome
    message, trace = (
        scrub(text, held.spec.arguments, names)
        for text in (outcome.failure.message, outcome.failure.traceback)
    )
    return replace(outcome, failure=replace(outcome.failure, message=message, traceback=trace))


def _misfit(error: BaseException) -> Outcome:
    """Return the outcome of arguments that could not be decoded."""
    text = failure(error, 0)
    ours = isinstance(error, ArgumentsMismatch | msgspec.MsgspecError)
    message = text.message if ours else f"{text.type}: {text.message}"
    return mismatched(ArgumentsMismatch(message))
