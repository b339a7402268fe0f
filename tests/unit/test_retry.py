"""Retry policies: what may be declared, how waits grow, and what travels with a job."""

import pickle
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from jobqueue.domain.errors import ConfigurationError, InvalidJob
from jobqueue.domain.jobs import SPEC_VERSION, Spec
from jobqueue.domain.retry import Backoff, Jitter, Retry, RetrySpec


def waits(policy: Retry, *, rng: float = 0.0) -> list[float | None]:
    """Return each wait of a policy, every one told to the next, up to the end."""
    found: list[float | None] = []
    previous: float | None = 0.0
    while previous is not None:
        previous = policy.delay_after(len(found) + 1, previous, lambda: rng)
        found.append(previous)
    return found


def test_r_retries_mean_r_plus_1_runs() -> None:
    """After run R there is one more; after run R + 1 there is none."""
    assert waits(Retry(2, jitter="none")) == [2.0, 4.0, None]
    assert waits(Retry(0)) == [None]


def test_defaults() -> None:
    """Three retries, exponential, base 2 s, cap 5 min, equal jitter."""
    policy = Retry()
    assert (policy.retries, policy.base, policy.cap) == (3, 2.0, 300.0)
    assert (policy.backoff, policy.jitter) == (Backoff.EXPONENTIAL, Jitter.EQUAL)


@pytest.mark.parametrize(
    ("backoff", "expected"),
    [
        ("exponential", [3, 6, 12, 20, 20]),
        ("linear", [3, 6, 9, 12, 15]),
        ("quadratic", [3, 12, 20, 20, 20]),
        ("constant", [3, 3, 3, 3, 3]),
    ],
)
def test_growth(backoff: Any, expected: list[float]) -> None:
    """Each backoff grows from ``base`` as its name says and stops at ``cap``."""
    assert waits(Retry(5, base=3, cap=20, backoff=backoff, jitter="none")) == [*expected, None]


@pytest.mark.parametrize(
    ("jitter", "least", "middle"), [("none", 8, 8), ("equal", 4, 6), ("full", 0, 4)]
)
def test_jitter_spreads_the_wait(jitter: Any, least: float, middle: float) -> None:
    """Full jitter draws from [0, d], equal from [d/2, d], none leaves d."""
    policy = Retry(base=8, backoff="constant", jitter=jitter)
    assert policy.delay_after(1, 0, lambda: 0.0) == least
    assert policy.delay_after(1, 0, lambda: 0.5) == middle


def test_decorrelated_grows_from_the_wait_before() -> None:
    """It draws from [base, 3 times the wait before], at least base, at most cap."""
    policy = Retry(4, base=2, cap=30, jitter="decorrelated")
    assert waits(policy, rng=1.0) == [2, 6, 18, 30, None]
    assert waits(policy, rng=0.0) == [2, 2, 2, 2, None]
    assert policy.delay_after(2, 10, lambda: 0.5) == 16


def test_randomness_is_an_argument_with_a_default() -> None:
    """Without a source of its own a call draws from Python's."""
    drawn = {Retry(jitter="full").delay_after(1) for _ in range(20)}
    assert len(drawn) > 1


def test_own_function_gets_attempt_error_and_job() -> None:
    """An own function sees everything and its wait is used as it is."""
    error = OSError("down")
    seen: list[object] = []

    def own(attempt: int, error: BaseException, job: object) -> float:
        seen.append((attempt, error, job))
        return 7.5

    assert Retry(backoff=own).delay_after(2, error=error, job="job") == 7.5
    assert seen == [(2, error, "job")]


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (None, None),
        (timedelta(minutes=1), 60),
        (1e9, 300),
        (float("inf"), 300),
        (-5, 0),
        (float("nan"), 0),
    ],
)
def test_own_function_may_end_the_retries_and_is_bounded(answer: Any, wait: float | None) -> None:
    """``None`` ends the retries; anything else lands in [0, cap]."""
    policy = Retry(backoff=lambda *_: answer)
    assert policy.delay_after(1, error=OSError()) == wait


def test_own_function_can_have_jitter() -> None:
    """Jitter beside an own function is used only when it is asked for."""
    policy = Retry(backoff=lambda *_: 10, jitter="full")
    assert policy.delay_after(1, 0, lambda: 0.5, error=OSError()) == 5
    assert Retry(backoff=lambda *_: 10).jitter is Jitter.NONE


def test_own_function_is_not_asked_when_no_attempt_is_left() -> None:
    """The number of retries holds for own functions too."""
    assert Retry(1, backoff=lambda *_: 1 / 0).delay_after(2, error=OSError()) is None


def test_own_function_needs_the_error() -> None:
    """A caller that has no error can't ask an own function."""
    with pytest.raises(ValueError, match="needs the error"):
        Retry(backoff=lambda *_: 1).delay_after(1)


def test_attempts_count_from_one() -> None:
    """There is no attempt 0."""
    with pytest.raises(ValueError, match="at least 1"):
        Retry().delay_after(0)


def test_on_and_never() -> None:
    """``on`` limits the retries to its classes; ``never`` wins over it."""
    policy = Retry(on=(OSError,), never=(PermissionError,))
    assert policy.retries_on(ConnectionError())
    assert not policy.retries_on(PermissionError())
    assert not policy.retries_on(ValueError())
    assert Retry().retries_on(ValueError())
    assert not Retry(never=ValueError).retries_on(UnicodeError())


def test_times_may_be_timedeltas() -> None:
    """Seconds and ``timedelta`` mean the same policy."""
    short = Retry(base=timedelta(milliseconds=500), cap=timedelta(minutes=1))
    assert short == Retry(base=0.5, cap=60)
    assert hash(short) == hash(Retry(base=0.5, cap=60))


def test_a_number_is_a_policy() -> None:
    """``retry=R`` means ``Retry(R)``."""
    policy = Retry(7)
    assert Retry.of(7) == policy
    assert Retry.of(policy) is policy
    with pytest.raises(ConfigurationError, match="True retries"):
        Retry.of(True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retries": -1}, "whole number from 0"),
        ({"retries": 2.5}, "whole number from 0"),
        ({"retries": 10**10}, "whole number from 0"),
        ({"base": -1}, "retry base: -1 is out of range"),
        ({"base": "2"}, "retry base: '2' is no duration; write seconds or a timedelta"),
        ({"cap": float("nan")}, "retry cap: nan is out of range"),
        ({"cap": float("inf")}, "retry cap: inf is out of range"),
        ({"cap": 10**400}, "is out of range"),
        ({"cap": True}, "retry cap: True is no duration"),
        ({"backoff": "exponental"}, "did you mean 'exponential'"),
        ({"jitter": "decorelated"}, "did you mean 'decorrelated'"),
        ({"jitter": "x"}, "write one of full, equal, decorrelated, none"),
        ({"on": (ValueError())}, "no exception class"),
        ({"never": ("ValueError",)}, "no exception class"),
        ({"backoff": lambda *_: 1, "jitter": "decorrelated"}, "makes its own waits"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    """A wrong option is named at once, with what to write."""
    with pytest.raises(ConfigurationError, match=message):
        Retry(**options)


def test_wire_form_round_trip() -> None:
    """What an override says is what the worker gets, inside the packed job."""
    policy = Retry(5, base=0.25, cap=60, backoff="linear", jitter="decorrelated")
    packed = msgspec.msgpack.encode(Spec(SPEC_VERSION, None, b"{}", retry=policy.to_spec()))
    spec = msgspec.msgpack.decode(packed, type=Spec).retry
    assert spec == RetrySpec(5, 250, 60_000, "linear", "decorrelated")
    assert Retry.from_spec(spec) == policy


def test_code_does_not_travel() -> None:
    """Functions and exception classes belong to the handler, not to one job."""
    with pytest.raises(InvalidJob, match="retry: an own backoff function can't travel"):
        Retry(backoff=lambda *_: 1).to_spec()
    with pytest.raises(InvalidJob, match="retry: on= and never="):
        Retry(on=ValueError).to_spec()


def test_a_foreign_spec_is_checked() -> None:
    """A name that a newer producer knows is an error, not a silent default."""
    with pytest.raises(ConfigurationError, match="retry backoff: 'cubic' is unknown"):
        Retry.from_spec(RetrySpec(1, 0, 0, "cubic", "none"))


def test_a_job_brings_numbers_to_the_handlers_classes() -> None:
    """``options(retry=...)`` replaces how often and when, never which errors may be retried."""
    handler = Retry(9, base=7, jitter="full", on=OSError, never=PermissionError)
    spec = Retry(2, base=1, cap=5, backoff="linear", jitter="none").to_spec()
    assert handler.with_spec(spec) == Retry(
        2, base=1, cap=5, backoff="linear", jitter="none", on=OSError, never=PermissionError
    )
    assert Retry(9).with_spec(spec) == Retry.from_spec(spec)


def test_a_job_replaces_the_handlers_function() -> None:
    """A job's policy has a backoff of its own, so the handler's function is not asked."""
    handler = Retry(9, backoff=lambda *_: 1, never=ValueError)
    policy = handler.with_spec(Retry(2, base=4, jitter="none").to_spec())
    assert policy.delay_after(1, error=OSError()) == 4
    assert not policy.retries_on(ValueError())


def test_policies_survive_pickling() -> None:
    """A spawned child gets its parent's policies."""
    policy = Retry(2, on=(OSError,), jitter="full")
    assert pickle.loads(pickle.dumps(policy)) == policy  # noqa: S301 - our own bytes
