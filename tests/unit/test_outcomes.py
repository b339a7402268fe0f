"""What becomes of a job: one pure function over outcomes, attempts and policies."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue import Retry, RetryAfter
from jobqueue.domain.jobs import TRANSITIONS, State
from jobqueue.domain.outcomes import (
    Decision,
    Failed,
    Failure,
    Mismatch,
    Outcome,
    Released,
    Snoozed,
    Succeeded,
    TimedOut,
    Unknown,
    decide,
    settle_error,
)
from jobqueue.domain.retry import RetrySpec

TEXT = Failure("builtins.OSError", "down", "Traceback …")
STEADY = Retry(2, base=4, backoff="constant", jitter="none")


class QuietError(Exception):
    """An error that is false, as an empty group of errors is."""

    def __len__(self) -> int:
        return 0


def decided(outcome: Outcome, attempt: int = 1, policy: Retry = STEADY) -> Decision:
    """Decide with nothing before."""
    return decide(outcome, attempt, 0.0, policy)


@pytest.mark.parametrize(
    ("outcome", "decision"),
    [
        (Succeeded(), Decision(State.SUCCEEDED, "succeeded")),
        (Succeeded(b"1"), Decision(State.SUCCEEDED, "succeeded")),
        (Snoozed(7), Decision(State.SCHEDULED, "snoozed", counted=False, delay=7)),
        (Snoozed(-7), Decision(State.SCHEDULED, "snoozed", counted=False, delay=0)),
        (Released(), Decision(State.READY, "released", counted=False)),
        (Mismatch(TEXT), Decision(State.DEAD, "failed", counted=False, reason="mismatch")),
        (Failed(TEXT, permanent="permanent"), Decision(State.DEAD, "failed", reason="permanent")),
        (Failed(TEXT, OSError()), Decision(State.RETRYING, "failed", delay=4)),
        (Failed(TEXT), Decision(State.RETRYING, "failed", delay=4)),
        (Failed(TEXT, OSError(), delay=9), Decision(State.RETRYING, "failed", delay=9)),
        (Failed(TEXT, OSError(), delay=-9), Decision(State.RETRYING, "failed", delay=0)),
        (TimedOut(TEXT), Decision(State.RETRYING, "timed_out", delay=4)),
    ],
)
def test_first_attempt(outcome: Outcome, decision: Decision) -> None:
    """What each outcome leads to while retries are left."""
    assert decided(outcome) == decision


@pytest.mark.parametrize(
    ("outcome", "label"),
    [
        (Failed(TEXT, OSError()), "failed"),
        (Failed(TEXT, OSError(), delay=9), "failed"),
        (TimedOut(TEXT), "timed_out"),
    ],
)
def test_last_attempt(outcome: Outcome, label: str) -> None:
    """R retries mean R + 1 runs; nothing that a handler asks for makes it more."""
    assert decided(outcome, 2).state is State.RETRYING
    assert decided(outcome, 3) == Decision(State.DEAD, label, reason="retries_exhausted")
    assert decided(outcome, 1, Retry(0)).state is State.DEAD


@pytest.mark.parametrize("outcome", [Succeeded(), Snoozed(1), Released(), Unknown(0)])
@pytest.mark.parametrize("attempt", [1, 3, 1000])
def test_attempts_do_not_matter(outcome: Outcome, attempt: int) -> None:
    """What is no failure never ends a job for want of retries."""
    assert decided(outcome, attempt) == decided(outcome, 1)


def test_unknown_name_waits_longer_each_time() -> None:
    """From 1 s, doubling up to 30 s; it costs no attempt and leaves no row."""
    waits = [decided(Unknown(times)).delay for times in (0, 1, 2, 3, 4, 5, 6, 5000)]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]
    assert decided(Unknown(0)) == Decision(State.SCHEDULED, "", counted=False, delay=1)


@pytest.mark.parametrize(
    ("error", "policy", "retried"),
    [
        (OSError(), Retry(on=OSError), True),
        (ConnectionError(), Retry(on=OSError), True),
        (ValueError(), Retry(on=OSError), False),
        (ValueError(), Retry(on=[OSError, ValueError]), True),
        (OSError(), Retry(never=OSError), False),
        (ValueError(), Retry(never=OSError), True),
        (ConnectionError(), Retry(on=OSError, never=ConnectionError), False),
        (QuietError(), Retry(on=OSError), False),
    ],
)
def test_on_and_never(error: BaseException, policy: Retry, *, retried: bool) -> None:
    """The class of the exception may forbid retries; the dead letter says so."""
    decision = decided(Failed(TEXT, error), 1, policy)
    assert decision.state is (State.RETRYING if retried else State.DEAD)
    assert decision.reason == ("" if retried else "not_retried")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(), ""),
        (ConnectionError(), "not_retried"),
        (ValueError(), "not_retried"),
    ],
)
def test_a_jobs_own_policy_keeps_on_and_never(error: BaseException, reason: str) -> None:
    """In a child as in the worker, the handler's classes hold for jobs with their own numbers."""
    policy = Retry(0, on=OSError, never=ConnectionError).with_spec(STEADY.to_spec())
    outcome = Failed(TEXT, error)
    here, there = decided(outcome, 1, policy), settle_error(outcome, 1, policy)
    assert (here.reason, there.permanent) == (reason, reason)
    assert decided(there, 1, policy) == here
    assert here.delay == (None if reason else 4)


@pytest.mark.parametrize(
    ("policy", "retried"),
    [
        (Retry(), True),
        (Retry(on=TimeoutError), True),
        (Retry(on=ValueError), False),
        (Retry(never=TimeoutError), False),
    ],
)
def test_timeout_counts_as_timeout_error(policy: Retry, *, retried: bool) -> None:
    """``on`` and ``never`` see a timeout as Python's ``TimeoutError``."""
    decision = decided(TimedOut(TEXT), 1, policy)
    assert decision.outcome == "timed_out"
    assert decision.state is (State.RETRYING if retried else State.DEAD)


@pytest.mark.parametrize("policy", [Retry(on=OSError), Retry(never=RetryAfter)])
def test_handler_that_asks_for_a_retry_gets_it(policy: Retry) -> None:
    """``RetryAfter`` is no failure of some class: the handler itself has decided."""
    outcome = Failed(TEXT, RetryAfter(9), delay=9)
    assert decided(outcome, 1, policy) == Decision(State.RETRYING, "failed", delay=9)
    assert settle_error(outcome, 1, policy) == Failed(TEXT, None, delay=9)


def test_own_function_sees_what_happened() -> None:
    """An own backoff function gets the attempt, the very error and the job."""
    seen: list[tuple[int, str, Any]] = []

    def wait(attempt: int, error: BaseException, job: Any) -> float | None:
        seen.append((attempt, type(error).__name__, job))
        return 5 if attempt == 1 else None

    policy = Retry(9, backoff=wait)
    assert decide(Failed(TEXT, QuietError()), 1, 0.0, policy, job="job").delay == 5
    assert decide(TimedOut(TEXT), 2, 0.0, policy, job="job").reason == "retries_exhausted"
    assert seen == [(1, "QuietError", "job"), (2, "TimeoutError", "job")]


def test_wait_before_and_randomness_are_arguments() -> None:
    """A decision can be computed again."""
    policy = Retry(base=2, jitter="decorrelated")
    assert decide(Failed(TEXT, OSError()), 2, 10.0, policy, rng=lambda: 0.5).delay == 16


delays = st.floats(-10, 1e9)
outcomes = st.one_of(
    st.builds(Succeeded),
    st.builds(
        Failed,
        st.just(TEXT),
        st.sampled_from([None, OSError(), SystemExit(), ValueError()]),
        st.none() | delays,
        st.sampled_from(["", "permanent", "result_too_large"]),
    ),
    st.builds(TimedOut, st.just(TEXT)),
    st.builds(Mismatch, st.just(TEXT)),
    st.builds(Snoozed, delays),
    st.builds(Unknown, st.integers(0, 10**6)),
    st.builds(Released),
)
policies = st.builds(
    Retry,
    st.integers(0, 5),
    base=st.floats(0, 100),
    cap=st.floats(0, 100),
    backoff=st.sampled_from(["exponential", "linear", "quadratic", "constant"]),
    jitter=st.sampled_from(["none", "full", "equal", "decorrelated"]),
    on=st.sampled_from([(), (OSError,)]),
    never=st.sampled_from([(), (ValueError,)]),
)
specs = st.builds(
    RetrySpec,
    st.integers(0, 5),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
    st.sampled_from(["exponential", "constant"]),
    st.sampled_from(["none", "decorrelated"]),
)
HISTORY = {"succeeded", "failed", "timed_out", "snoozed", "released", ""}


@given(outcomes, st.integers(1, 10), st.floats(0, 100), policies)
def test_every_decision_is_legal(
    outcome: Outcome, attempt: int, previous: float, policy: Retry
) -> None:
    """From running, each decision leads where the table allows, with all that its state needs."""
    decision = decide(outcome, attempt, previous, policy)
    assert decision.state in TRANSITIONS[State.RUNNING]
    assert decision.outcome in HISTORY
    assert decision.final is decision.state.terminal
    waits = decision.state in (State.RETRYING, State.SCHEDULED)
    assert (decision.delay is not None) is waits
    assert decision.delay is None or decision.delay >= 0
    assert bool(decision.reason) is (decision.state is State.DEAD)
    assert decision.counted or not isinstance(outcome, Succeeded | Failed | TimedOut)
    assert decision.state is not State.RETRYING or attempt <= policy.retries


@given(outcomes, st.integers(1, 10), policies, st.none() | specs)
def test_decision_survives_the_way_from_a_child(
    outcome: Outcome, attempt: int, policy: Retry, own: RetrySpec | None
) -> None:
    """A failure that lost its exception on the way leads to the same state and reason."""
    if isinstance(outcome, Failed):
        policy = policy.with_spec(own) if own else policy
        there = decide(outcome, attempt, 0.0, policy, rng=lambda: 0.5)
        settled = settle_error(outcome, attempt, policy)
        assert decide(settled, attempt, 0.0, policy, rng=lambda: 0.5) == there
