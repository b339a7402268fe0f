"""What an attempt came to, and what follows from it.

The executor makes one of the frozen outcomes below; :func:`decide` says what
becomes of the job. Neither does I/O, so every rule about retries is tested
without a server.
"""

import random
from collections.abc import Callable
from typing import Any

import msgspec

from jobqueue.domain.jobs import State
from jobqueue.domain.retry import Backoff, Retry


class Failure(msgspec.Struct, frozen=True):
    """An error as it is stored: type, message and traceback as text."""

    type: str
    message: str
    traceback: str = ""


class Succeeded(msgspec.Struct, frozen=True):
    """The handler returned; ``result`` is its value as JSON, None for ``None``."""

    result: bytes | None = None


class Failed(msgspec.Struct, frozen=True):
    """The handler raised.

    ``delay`` (seconds) is what the handler asked for: it replaces the policy's delay, and
    its ``on`` and ``never`` are not asked. ``permanent`` ends the retries; its value is
    the reason that the dead letter shows. ``counted`` is False for what the handler's
    ``is_failure`` does not call a failure: it is repeated at the cost of no attempt.
    """

    failure: Failure
    error: BaseException | None = None
    delay: float | None = None
    permanent: str = ""
    counted: bool = True


class Overdue(msgspec.Struct, frozen=True):
    """The job's deadline, or its retries' budget, was over before its handler could start."""

    failure: Failure
    reason: str = "deadline"


class Cancelled(msgspec.Struct, frozen=True):
    """It was told to stop, and did; ``why`` is what the one who cancelled it said."""

    why: str = ""


class TimedOut(msgspec.Struct, frozen=True):
    """The attempt ran longer than its timeout; a policy takes it for a ``TimeoutError``."""

    failure: Failure


class Mismatch(msgspec.Struct, frozen=True):
    """The stored arguments don't fit the handler; it was not called."""

    failure: Failure


class Snoozed(msgspec.Struct, frozen=True):
    """The handler asked to run again in ``delay`` seconds, at no cost."""

    delay: float


class Unknown(msgspec.Struct, frozen=True):
    """No handler of that name is here; another worker may have it."""

    times: int


class Released(msgspec.Struct, frozen=True):
    """The worker stops; the job goes back at no cost."""


Outcome = (
    Succeeded | Failed | TimedOut | Overdue | Mismatch | Snoozed | Unknown | Released | Cancelled
)


class Decision(msgspec.Struct, frozen=True):
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

    final: bool = False
    """Whether the job has ended."""

    def __post_init__(self) -> None:
        """Ask the state once, not for every job that succeeds; what was given is ignored."""
        msgspec.structs.force_setattr(self, "final", self.state.terminal)


UNKNOWN_DELAY_CAP = 30.0
SUCCEEDED = Decision(State.SUCCEEDED, "succeeded")


def decide(  # noqa: PLR0913 - all that a rule about retries can depend on
    outcome: Outcome,
    attempt: int,
    previous: float,
    policy: Retry,
    *,
    job: Any = None,
    age: float = 0.0,
    left: float | None = None,
    rng: Callable[[], float] = random.random,
) -> Decision:
    """Return what becomes of a job after ``outcome``.

    Args:
        outcome: What the delivery came to.
        attempt: The number of this attempt; the first is 1.
        previous: The wait before this attempt, in seconds.
        policy: The job's retry policy.
        job: What an own backoff function gets as its third argument.
        age: Seconds since the job was enqueued.
        left: Seconds until its deadline; None when it has none.
        rng: Source of jitter, in [0, 1).
    """
    match outcome:
        case Failed(permanent=reason) if reason:
            return Decision(State.DEAD, "failed", reason=reason)
        case Failed(error=error, delay=asked, counted=counted):
            label = "failed"
        case TimedOut():
            label, error, asked, counted = "timed_out", TimeoutError(), None, True
        case _:
            return _without_retry(outcome)
    if asked is None and error is not None and not policy.retries_on(error):
        return Decision(State.DEAD, label, reason="not_retried")
    due = asked if attempt <= policy.retries or not counted else None
    if due is None:
        cause = Exception() if error is None else error
        wait = policy.delay_after if counted else policy.wait_after
        due = wait(attempt, previous, rng, error=cause, job=job)
    due = None if due is None else max(0.0, due)  # a handler may ask for a moment that is over
    reason = _over(due, policy, age, left)
    if due is None or reason:
        return Decision(State.DEAD, label, reason=reason)
    return Decision(State.RETRYING, label, counted=counted, delay=due)


def _over(due: float | None, policy: Retry, age: float, left: float | None) -> str:
    """Return why there is no further attempt; nothing when there is one."""
    if due is None:
        return "retries_exhausted"
    if left is not None and due >= left:
        return "deadline"
    if policy.budget is not None and age + due > policy.budget:
        return "budget_spent"
    return ""


def _without_retry(outcome: Outcome) -> Decision:  # noqa: PLR0911 - one return for each kind of outcome
    match outcome:
        case Snoozed(delay):
            return Decision(State.SCHEDULED, "snoozed", counted=False, delay=max(0.0, delay))
        case Released():
            return Decision(State.READY, "released", counted=False)
        case Cancelled():
            return Decision(State.CANCELLED, "cancelled", reason="cancelled")
        case Overdue(reason=reason):
            return Decision(State.DEAD, "timed_out", counted=False, reason=reason)
        case Unknown(times):
            wait = min(UNKNOWN_DELAY_CAP, 2.0 ** min(times, 10))
            return Decision(State.SCHEDULED, "", counted=False, delay=wait)
        case Mismatch():
            return Decision(State.DEAD, "failed", counted=False, reason="mismatch")
        case _:
            return SUCCEEDED


def settle_error(outcome: Failed, attempt: int, policy: Retry | None, *, job: Any = None) -> Failed:
    """Return a failure without its exception, which can't leave the process it was raised in.

    What :func:`decide` would ask of the exception is asked here and now, and the
    answer goes into ``delay`` and ``permanent``.

    Args:
        outcome: What the handler came to.
        attempt: The number of this attempt; the first is 1.
        policy: The handler's own policy, with the job's numbers where it brought some (see
            :meth:`Retry.with_spec`); None when the handler has none.
        job: What an own backoff function gets as its third argument.
    """
    error, delay, permanent = outcome.error, outcome.delay, outcome.permanent
    if error is not None and policy is not None and not permanent and delay is None:
        if not policy.retries_on(error):
            permanent = "not_retried"
        elif not isinstance(policy.backoff, Backoff):
            wait = policy.delay_after if outcome.counted else policy.wait_after
            delay = wait(attempt, error=error, job=job)
            permanent = "" if delay is not None else "retries_exhausted"
    return Failed(outcome.failure, None, delay, permanent, outcome.counted)
