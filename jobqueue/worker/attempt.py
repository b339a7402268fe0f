"""One run of a handler: when it starts, what it may not do any more, and what it came to."""

from collections.abc import Callable
from typing import Any

import msgspec

from jobqueue.domain.handlers import Handler
from jobqueue.domain.outcomes import (
    Cancelled,
    Failure,
    Outcome,
    Overdue,
    Released,
    TimedOut,
)
from jobqueue.worker.bounds import UNBOUNDED, Bounds
from jobqueue.worker.clock import monotonic_us
from jobqueue.worker.failures import failure
from jobqueue.worker.held import Held
from jobqueue.worker.verdicts import raised, returned


class Limits(msgspec.Struct, frozen=True):
    """Defaults and sizes that every attempt is held to; seconds and bytes."""

    timeout: float | None
    result: int
    traceback: int


class Attempt(msgspec.Struct, eq=False):
    """A handler, what it is called with, and the job that it is called for.

    Args:
        tell: Called when the handler starts.
    """

    handler: Handler
    args: list[Any]
    kwargs: dict[str, Any]
    bounds: Bounds
    held: Held
    limits: Limits
    tell: Callable[[Held], None] | None

    def starts(self) -> None:
        """Note that the handler starts; a middleware may run it again, which is no new start."""
        held = self.held
        if not held.started_us:
            held.started_us = monotonic_us()
            if self.bounds is not UNBOUNDED:
                held.deadline_ms = self.bounds.ends_ms(held)
            if self.tell is not None:
                self.tell(held)

    def stopped(self) -> Outcome | None:
        """Return what it comes to if it may not start, or not be run again; None where it may."""
        if self.held.cancelling:
            return Cancelled()
        if self.held.released or self.held.dropped:
            return Released()
        if self.bounds is UNBOUNDED:
            return None
        left = (self.bounds.left if self.held.started_us else self.bounds.until_start)(self.held)
        return self.overdue() if left is not None and left <= 0 else None

    def overdue(self) -> Outcome:
        """Return the outcome of a handler that has no time left to start."""
        if self.held.started_us:
            return TimedOut(Failure("TimeoutError", "no time was left to run it again"))
        what, reason = self.bounds.first()
        last = self.held.delivery.last
        text = f"its {what} was over before it could start" + (last and f"; last error: {last}")
        return Overdue(Failure("TimeoutError", text), reason)

    def succeeded(self, value: Any) -> Outcome:
        """Return the outcome of a value that stands for what the handler did."""
        return returned(value, self.limits.result, self.limits.traceback)

    def returned(self, value: Any) -> Outcome:
        """Return the outcome of a handler that returned; one that was told had to stop."""
        return Cancelled() if self.held.heard else self.succeeded(value)

    def late(self, error: BaseException | None = None) -> Outcome:
        """Return the outcome of a handler that ran past its bounds, and what it raised then."""
        if self.held.heard:
            return Cancelled()
        trace = failure(error, self.limits.traceback, skip=1).traceback if error else ""
        return TimedOut(Failure("TimeoutError", self.bounds.exceeded(self.held), trace))

    def ended(self, error: BaseException) -> Outcome:
        """Return the outcome of a handler that raised; being told to stop is no failure."""
        if self.held.cancelling:
            return Cancelled()
        if self.held.released or self.held.dropped:
            return Released()
        return raised(error, self.limits.traceback, handler=self.handler)
