"""What an attempt came to, and what follows from it.

The executor makes one of the frozen outcomes below; :func:`decide` says what
becomes of the job. Neither does I/O, so every rule about retries is tested
without a server.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jobqueue.domain.jobs import State
from jobqueue.domain.retry import Backoff, Retry


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as it is stored: type, message and traceback as text."""

    type: str
    message: str
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The handler returned; ``result`` is its value as JSON, None for ``None``."""

    result: bytes | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The handler raised.

    ``delay`` (seconds) is what the handler asked for: it replaces the policy's delay, and
    its ``on`` and ``never`` are not asked. ``permanent`` ends the retries; its value is
    the reason that the dead letter shows.
    """

    failure: Failure
    error: BaseException | None = None
    delay: float | None = None
    permanent: str = ""


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The attempt ran longer than its timeout; a policy takes it for a ``TimeoutError``."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The stored arguments don't fit the handler; it was not called."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Snoozed:
    """The handler asked to run again in ``delay`` seconds, at no cost."""

    delay: float


@dataclass(frozen=True, slots=True)
class Unknown:
    """No handler of that name is here; another worker may have it."""

    times: int


@dataclass(frozen=True, slots=True)
class Released:
    """The worker stops; the job goes back at no cost."""


Outcome = Succeeded | Failed | TimedOut | Mismatch | Snoozed | Unknown | Released


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a job.

    Args:
        state: The job's next state.
        outcome: The word in the history row; empty when the delivery leaves none.
        counted: Whether this delivery was one of the job's attempts.
        delay: Seconds until the job is ready again; None when it ended or is
            ready at once.
        reason: Why the job became a dead letter.
    """

    state: State
    outcome: str
    counted: bool = True
    delay: float | None = None
    reason: str = ""

    @property
    def final(self) -> bool:
        """Whether the job has ended."""
        return self.state.terminal


UNKNOWN_DELAY_CAP = 30.0
SUCCEEDED = Decision(State.SUCCEEDED, "succeeded")


def decide(  # noqa: C901, PLR0911 - one return for each kind of outcome
    outcome: Outcome,
    attempt: int,
    previous: float,
    policy: Retry,
    *,
    job: Any = None,
    rng: Callable[[], float] = random.random,
) -> Decision:
    """Return what becomes of a job after ``outcome``.

    Args:
        outcome: What the delivery came to.
        attempt: The number of this attempt; the first is 1.
        previous: The wait before this attempt, in seconds.
        policy: The job's retry policy.
        job: What an own backoff function gets as its third argument.
        rng: Source of jitter, in [0, 1).
    """
    match outcome:
        case Succeeded():
            return SUCCEEDED
        case Snoozed(delay):
            return Decision(State.SCHEDULED, "snoozed", counted=False, delay=max(0.0, delay))
        case Released():
            return Decision(State.READY, "released", counted=False)
        case Unknown(times):
            wait = min(UNKNOWN_DELAY_CAP, 2.0 ** min(times, 10))
            return Decision(State.SCHEDULED, "", counted=False, delay=wait)
        case Mismatch():
            return Decision(State.DEAD, "failed", counted=False, reason="mismatch")
        case Failed(permanent=reason) if reason:
            return Decision(State.DEAD, "failed", reason=reason)
        case Failed(error=error, delay=asked):
            label = "failed"
        case TimedOut():
            label, error, asked = "timed_out", TimeoutError(), None
    if asked is None and error is not None and not policy.retries_on(error):
        return Decision(State.DEAD, label, reason="not_retried")
    due = asked if attempt <= policy.retries else None
    if due is None:
        cause = Exception() if error is None else error
        due = policy.delay_after(attempt, previous, rng, error=cause, job=job)
    if due is None:
        return Decision(State.DEAD, label, reason="retries_exhausted")
    return Decision(State.RETRYING, label, delay=max(0.0, due))


def settle_error(outcome: Failed, attempt: int, policy: Retry | None, *, job: Any = None) -> Failed:
    """Return a failure without its exception, which can't leave the process it was raised in.

    What :func:`decide` would ask of the exception is asked here and now, and the
    answer goes into ``delay`` and ``permanent``.

    Args:
        outcome: What the handler came to.
        attempt: The number of this attempt; the first is 1.
        policy: The handler's own policy; None when it has none, or the job brought one.
        job: What an own backoff function gets as its third argument.
    """
    error, delay, permanent = outcome.error, outcome.delay, outcome.permanent
    if error is not None and policy is not None and not permanent and delay is None:
        if not policy.retries_on(error):
            permanent = "not_retried"
        elif not isinstance(policy.backoff, Backoff):
            delay = policy.delay_after(attempt, error=error, job=job)
            permanent = "" if delay is not None else "retries_exhausted"
    return Failed(outcome.failure, None, delay, permanent)
