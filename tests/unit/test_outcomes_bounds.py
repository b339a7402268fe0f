"""Rules that hold for every failure, policy, deadline and budget there may be."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jobqueue import Retry
from jobqueue.domain.jobs import TRANSITIONS, State
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
    decide,
    settle_error,
)

TEXT = Failure("E", "x")
WAIT = st.floats(0, 1e6)
ERRORS = st.sampled_from([OSError(), ConnectionError(), ValueError(), SystemExit()])
POLICIES = st.builds(
    Retry,
    st.integers(0, 5),
    base=WAIT,
    cap=WAIT,
    backoff=st.sampled_from(["exponential", "linear", "quadratic", "constant"]),
    jitter=st.sampled_from(["full", "equal", "decorrelated", "none"]),
    on=st.sampled_from([(), OSError, ValueError]),
    never=st.sampled_from([(), ConnectionError]),
    budget=st.none() | WAIT,
)
FAILED = st.builds(
    Failed,
    st.just(TEXT),
    st.none() | ERRORS,
    st.none() | st.floats(-10, 1e6),
    st.sampled_from(["", "permanent"]),
    st.booleans(),
)
OUTCOMES = st.one_of(
    FAILED,
    st.builds(TimedOut, st.just(TEXT)),
    st.builds(Overdue, st.just(TEXT)),
    st.builds(Mismatch, st.just(TEXT)),
    st.builds(Snoozed, st.floats(-10, 1e6)),
    st.builds(Unknown, st.integers(0, 5000)),
    st.sampled_from([Succeeded(), Succeeded(b"1"), Released(), Cancelled(), Cancelled("why")]),
)
REASONS = {
    "", "permanent", "not_retried", "retries_exhausted", "deadline", "budget_spent", "mismatch",
    "cancelled",
}  # fmt: skip


class Given:
    """What a decision is made of, beside the outcome."""

    names = st.fixed_dictionaries(
        {
            "attempt": st.integers(1, 1000),
            "previous": WAIT,
            "policy": POLICIES,
            "age": WAIT,
            "left": st.none() | st.floats(-100, 1e6),
            "rng": st.floats(0, 1, exclude_max=True).map(lambda value: lambda: value),
        }
    )


@given(outcome=OUTCOMES, names=Given.names)
def test_whatever_it_is(outcome: Outcome, names: dict[str, Any]) -> None:
    """The next state is one that a running job may have; a wait is never below zero."""
    decision = decide(outcome, **names)
    assert decision.state in TRANSITIONS[State.RUNNING]
    assert decision.final == decision.state.terminal
    assert decision.reason in REASONS
    assert bool(decision.reason) == (decision.state in (State.DEAD, State.CANCELLED))
    waits = decision.state in (State.RETRYING, State.SCHEDULED)
    assert (decision.delay is not None) == waits
    assert decision.delay is None or decision.delay >= 0
    if decision.state is State.RETRYING:
        assert decision.outcome in ("failed", "timed_out")


@given(outcome=FAILED | st.builds(TimedOut, st.just(TEXT)), names=Given.names)
def test_a_retry_is_within_all_bounds(outcome: Failed | TimedOut, names: dict[str, Any]) -> None:
    """It begins before the deadline and within the budget, after as many as the policy has."""
    policy: Retry = names["policy"]
    decision = decide(outcome, **names)
    if decision.state is not State.RETRYING:
        return
    delay = decision.delay or 0.0
    assert names["left"] is None or delay < names["left"]
    assert policy.budget is None or names["age"] + delay <= policy.budget + 1e-6
    assert decision.counted is getattr(outcome, "counted", True)
    assert names["attempt"] <= policy.retries or not decision.counted
    asked = getattr(outcome, "delay", None)
    if asked is None:
        assert delay <= policy.cap
    else:
        assert delay == max(0.0, asked)
    assert not getattr(outcome, "permanent", "")


@given(error=ERRORS, names=Given.names)
def test_what_does_not_count_has_no_number(error: BaseException, names: dict[str, Any]) -> None:
    """Without deadline and budget an uncounted failure is repeated, at whatever attempt."""
    policy: Retry = names["policy"]
    names |= {"left": None, "age": 0.0}
    decision = decide(Failed(TEXT, error, counted=False), **names)
    if policy.retries_on(error) and (policy.budget is None or policy.cap <= policy.budget):
        assert (decision.state, decision.counted) == (State.RETRYING, False)
    if not policy.retries_on(error):
        assert (decision.state, decision.reason) == (State.DEAD, "not_retried")


@given(outcome=FAILED, names=Given.names)
def test_a_child_decides_the_same(outcome: Failed, names: dict[str, Any]) -> None:
    """What a child sends without the exception leads where the exception would have led."""
    names |= {"rng": lambda: 0.5}
    settled = settle_error(outcome, names["attempt"], names["policy"])
    assert settled.error is None
    before, after = decide(outcome, **names), decide(settled, **names)
    assert (before.state, before.delay, before.counted) == (after.state, after.delay, after.counted)
    if outcome.delay is None:
        assert before.reason == after.reason
