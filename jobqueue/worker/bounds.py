"""How long an attempt may run.

Its timeout counts from the start of its handler; its job's deadline goes by the clock of
Redis, whatever the attempt has waited for. The earlier wins.
"""

from dataclasses import dataclass

from jobqueue.domain.jobs import Spec
from jobqueue.worker.clock import monotonic_us
from jobqueue.worker.held import Held


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of one attempt.

    Args:
        timeout: Longest run in seconds; None for any.
        deadline_ms: When the job must have ended, in ms since the epoch on the Redis
            clock; None for never.
    """

    timeout: float | None
    deadline_ms: int | None

    def until_deadline(self, held: Held) -> float | None:
        """Return the seconds until the deadline, below zero when it is over; None without one."""
        if self.deadline_ms is None:
            return None
        return self.deadline_ms / 1000 - (monotonic_us() + held.clock_us) / 1_000_000

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


def deadline_of(spec: Spec, run: int, enqueued_ms: int) -> int | None:
    """Return the job's own deadline in ms since the epoch, on the Redis clock, if it has one.

    A dead letter that was put back has none: it would be over.
    """
    if run:
        return None
    if spec.deadline_in_ms is not None:
        return enqueued_ms + spec.deadline_in_ms
    return spec.deadline_ms
