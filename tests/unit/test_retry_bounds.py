"""The bounds of every wait, whatever the policy, the attempt and the dice."""

from hypothesis import given, settings
from hypothesis import strategies as st

from jobqueue.domain.retry import MOST_RETRIES, Backoff, Jitter, Retry, RetrySpec
from jobqueue.domain.units import LONGEST

durations = st.floats(0, LONGEST) | st.floats(0, 1)
attempts = st.integers(1, 1_000_000) | st.sampled_from([1, 1_000, 1_024, 1_025, 1_000_000])
dice = st.floats(0, 1, exclude_max=True)
policies = st.builds(
    Retry,
    st.just(MOST_RETRIES),
    base=durations,
    cap=durations,
    backoff=st.sampled_from(Backoff),
    jitter=st.sampled_from(Jitter),
)


@settings(max_examples=500)
@given(policy=policies, attempt=attempts, previous=durations, die=dice)
def test_every_wait_is_in_bounds(policy: Retry, attempt: int, previous: float, die: float) -> None:
    """No strategy leaves [0, cap] or overflows, from attempt 1 to a million."""
    wait = policy.delay_after(attempt, min(previous, policy.cap), lambda: die)
    assert wait is not None
    assert 0 <= wait <= policy.cap


@given(policy=policies, attempt=attempts, die=dice)
def test_equal_jitter_keeps_half(policy: Retry, attempt: int, die: float) -> None:
    """Equal jitter never draws less than half of what no jitter gives."""
    bare, equal = (
        Retry(
            policy.retries, base=policy.base, cap=policy.cap, backoff=policy.backoff, jitter=jitter
        ).delay_after(attempt, 0, lambda: die)
        for jitter in (Jitter.NONE, Jitter.EQUAL)
    )
    assert bare is not None
    assert equal is not None
    assert bare / 2 <= equal <= bare


@given(policy=policies, attempt=st.integers(1, 2_000))
def test_backoff_never_shrinks(policy: Retry, attempt: int) -> None:
    """Without dice each wait is at least as long as the one before."""
    bare = Retry(
        policy.retries, base=policy.base, cap=policy.cap, backoff=policy.backoff, jitter="none"
    )
    earlier, later = bare.delay_after(attempt), bare.delay_after(attempt + 1)
    assert earlier is not None
    assert later is not None
    assert earlier <= later


@given(previous=durations, die=dice, base=durations, cap=durations)
def test_decorrelated_range(previous: float, die: float, base: float, cap: float) -> None:
    """A decorrelated wait lies between base and three times the wait before, or at the cap."""
    policy = Retry(base=base, cap=cap, jitter="decorrelated")
    wait = policy.delay_after(1, previous, lambda: die)
    assert wait is not None
    assert min(base, cap) <= wait <= max(base, previous * 3) * (1 + 1e-12)


@given(answer=st.floats(allow_nan=True, allow_infinity=True), cap=durations)
def test_own_functions_are_bounded(answer: float, cap: float) -> None:
    """Whatever number an own function returns, the wait is in [0, cap]."""
    wait = Retry(cap=cap, backoff=lambda *_: answer).delay_after(1, error=OSError())
    assert wait is not None
    assert 0 <= wait <= cap


@given(policy=policies)
def test_wire_form_keeps_milliseconds(policy: Retry) -> None:
    """A policy that came by wire is within half a millisecond of the declared one."""
    spec = policy.to_spec()
    assert isinstance(spec, RetrySpec)
    back = Retry.from_spec(spec)
    assert (back.retries, back.backoff, back.jitter) == (
        policy.retries,
        policy.backoff,
        policy.jitter,
    )
    assert abs(back.base - policy.base) <= 0.0005001
    assert abs(back.cap - policy.cap) <= 0.0005001
