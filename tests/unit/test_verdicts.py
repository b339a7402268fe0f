"""What a return or an exception means, wherever the handler ran."""

import pytest

from jobqueue import Permanent, Retry, RetryAfter, Snooze
from jobqueue.domain.jobs import State
from jobqueue.domain.outcomes import Failed, Failure, Snoozed, Succeeded, decide, settle_error
from jobqueue.worker.frames import STARTED, answer_of, outcome_of, pack, take_answer
from jobqueue.worker.verdicts import mismatched, raised, returned

LIMIT = 1000


class Model:
    """A result whose own serialiser fails."""

    def model_dump(self, **_: object) -> object:
        """Fail like user code."""
        raise KeyError("field")


def failed(error: BaseException) -> Failed:
    """Return the failure that an exception is."""
    outcome = raised(error, LIMIT)
    assert isinstance(outcome, Failed)
    return outcome


def test_results() -> None:
    """None is no result; the rest is JSON, within the limit."""
    assert returned(None, 1, LIMIT) == Succeeded(None)
    assert returned({"a": [1]}, 9, LIMIT) == Succeeded(b'{"a":[1]}')
    too_large = returned("x" * 8, 9, LIMIT)
    assert isinstance(too_large, Failed)
    assert too_large.permanent == "result_too_large"


def test_serialiser_fails() -> None:
    """A result whose own code raises is an ordinary failure."""
    outcome = returned(Model(), LIMIT, LIMIT)
    assert isinstance(outcome, Failed)
    assert (outcome.failure.type, outcome.permanent) == ("KeyError", "")


def test_what_handlers_ask_for() -> None:
    """The three errors that steer, and any other."""
    assert raised(Snooze(3), LIMIT) == Snoozed(3)
    assert failed(Permanent("x")).permanent == "permanent"
    assert failed(RetryAfter(4)).delay == 4
    assert failed(SystemExit(1)).failure == Failure("SystemExit", "1", "SystemExit: 1\n")


@pytest.mark.parametrize(
    ("policy", "permanent"),
    [
        (None, ""),
        (Retry(), ""),
        (Retry(on=ValueError), ""),
        (Retry(on=KeyError), "not_retried"),
        (Retry(never=ValueError), "not_retried"),
    ],
)
def test_settled_classes(policy: Retry | None, permanent: str) -> None:
    """What ``on`` and ``never`` say of the exception stays when the exception goes."""
    settled = settle_error(failed(ValueError()), 1, policy)
    assert (settled.error, settled.permanent) == (None, permanent)


def test_settled_own_function() -> None:
    """An own backoff function is asked once, where the exception is; never without it."""
    asked: list[tuple[int, str, str]] = []

    def backoff(attempt: int, error: BaseException, job: str) -> float | None:
        asked.append((attempt, repr(error), job))
        return 9.0 if attempt == 1 else None

    policy = Retry(5, backoff=backoff)
    first = settle_error(failed(ValueError()), 1, policy, job="job")
    last = settle_error(failed(ValueError()), 2, policy, job="job")
    assert decide(first, 1, 0, policy).delay == 9.0
    assert decide(last, 2, 0, policy).reason == "retries_exhausted"
    assert asked == [(1, "ValueError()", "job"), (2, "ValueError()", "job")]


def test_settled_before() -> None:
    """What the handler asked for itself stands."""
    policy = Retry(backoff=lambda *_: 1.0)
    assert settle_error(failed(RetryAfter(4)), 1, policy).delay == 4
    assert settle_error(failed(Permanent()), 1, Retry(on=KeyError)).permanent == "permanent"


def test_asked_delay_is_bounded_by_the_retries() -> None:
    """``RetryAfter`` replaces the wait, not the number of retries."""
    assert decide(failed(RetryAfter(4)), 1, 0, Retry(1)).delay == 4
    assert decide(failed(RetryAfter(4)), 2, 0, Retry(1)).state is State.DEAD


@pytest.mark.parametrize(
    "outcome",
    [
        Succeeded(),
        Succeeded(b"[1]"),
        Snoozed(2.5),
        Failed(Failure("t", "m", "tb"), delay=1.5),
        Failed(Failure("t", "m"), permanent="permanent"),
        mismatched(ValueError("m")),
    ],
)
def test_outcomes_cross(outcome: Succeeded | Snoozed | Failed) -> None:
    """Every outcome of a handler arrives as it was sent, also in pieces."""
    frames = pack(STARTED) + pack(answer_of(outcome))
    buffer, found = bytearray(), []
    for byte in frames:
        buffer.append(byte)
        if answer := take_answer(buffer):
            found.append(answer)
    assert found[0] == STARTED
    assert outcome_of(found[1]) == outcome


class Later(Snooze):
    """A snooze that forgot to say for how long."""

    def __init__(self) -> None:
        Exception.__init__(self)


def test_snooze_without_a_delay_is_a_failure() -> None:
    """A subclass without our ``delay`` costs an attempt, and never the worker."""
    assert isinstance(raised(Later(), 1024), Failed)
