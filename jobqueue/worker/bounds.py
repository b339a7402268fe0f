"""How long an attempt may run.

Its timeout counts from the start of its handler; its job's deadline goes by the clock of
Redis, whatever the attempt has waited for. The earlier wins. A retry must also begin within
the budget of its policy.
"""

import msgspec

from jobqueue.domain.handlers import Handler
from jobqueue.domain.jobs import Spec
from jobqueue.worker.clock import monotonic_us
from jobqueue.worker.held import Held


class Bounds(msgspec.Struct, frozen=True):
    """The bounds of one attempt.

    Args:
        timeout: Longest run in seconds; None for any.
        deadline_ms: When the job must have ended, in ms since the epoch on the Redis
            clock; None for never.
        budget_ms: When a retry must have begun, by the same clock; None for any time.
    """

    timeout: float | None
    deadline_ms: int | None
    budget_ms: int | None = None

    def until_start(self, held: Held) -> float | None:
        """Return the seconds within which its handler must start; None for any."""
        known = [each for each in (self.deadline_ms, self.budget_ms) if each is not None]
        return _until(min(known), held) if known else None

    def first(self) -> tuple[str, str]:
        """Return what ends first for a handler that has not started: its name, and the reason."""
        deadline, budget = self.deadline_ms, self.budget_ms
        if budget is not None and (deadline is None or budget < deadline):
            return "retry budget", "budget_spent"
        return "deadline", "deadline"

    def until_deadline(self, held: Held) -> float | None:
        """Return the seconds until the deadline, below zero when it is over; None without one."""
        return None if self.deadline_ms is None else _until(self.deadline_ms, held)

    def left(self, held: Held) -> float | None:
        """Return the seconds that the attempt has from now on, its start if it has none yet."""
        timeout, deadline = self.timeout, self.until_deadline(held)
        if timeout is None:
            return deadline
        if held.started_us:  # a middleware runs the handler again
            timeout -= (monotonic_us() - held.started_us) / 1_000_000
        return timeout if deadline is None else min(timeout, deadline)

    def ends_ms(self, held: Held) -> int | None:
        """Return when an attempt that starts now must have ended, as its handler sees it."""
        left = self.left(held)
        if left is None:
            return None
        return (monotonic_us() + held.clock_us) // 1000 + int(left * 1000)

    def exceeded(self, held: Held) -> str:
        """Return in words what an attempt has run past."""
        deadline = self.until_deadline(held)
        if self.timeout is None or (deadline is not None and deadline <= 0):
            return "ran past the deadline of its job"
        return f"ran longer than its timeout of {self.timeout:g} s"


UNBOUNDED = Bounds(None, None)


def _until(moment_ms: int, held: Held) -> float:
    return moment_ms / 1000 - (monotonic_us() + held.clock_us) / 1_000_000


def budget_of(spec: Spec, handler: Handler, enqueued_ms: int) -> int | None:
    """Return when a retry must have begun, in ms since the epoch, on the Redis clock."""
    if spec.retry is not None:
        budget = spec.retry.budget_ms
    else:
        seconds = handler.retry.budget if handler.retry else None
        budget = None if seconds is None else round(seconds * 1000)
    return None if budget is None else enqueued_ms + budget


def deadline_of(spec: Spec, run: int, enqueued_ms: int) -> int | None:
    """Return the job's own deadline in ms since the epoch, on the Redis clock, if it has one.

    A dead letter that was put back has none: it would be over.
    """
    if run:
        return None
    if spec.deadline_in_ms is not None:
        return enqueued_ms + spec.deadline_in_ms
    return spec.deadline_ms
