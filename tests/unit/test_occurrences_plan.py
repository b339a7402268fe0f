"""What becomes of the occurrences that are due: the policies, and jitter."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.occurrences import LATE, Policy, Step, parse_misfire, plan
from jobqueue.domain.schedules import Every

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULE = Every(60)


def steps(
    policy: Policy, *, minutes: float, late: timedelta = timedelta(), paused: bool = False
) -> list[Step]:
    """Return what is done after so many minutes without a scheduler, that end at noon."""
    return plan("clock", RULE, policy, NOON - minutes * MINUTE, NOON + late, paused=paused)


def fired(found: list[Step]) -> list[datetime]:
    """Return what is enqueued."""
    return [step.occurrence for step in found if not step.skip]


def skipped(found: list[Step]) -> list[datetime]:
    """Return what is skipped, in order."""
    return [
        moment
        for step in found
        for moment in (*step.others, *([step.occurrence] if step.skip else ()))
    ]


@pytest.mark.parametrize(
    ("misfire", "late", "n"),
    [
        ("one", timedelta(seconds=50), 1),
        ("all", timedelta(seconds=50), 5),
        ("all(2)", timedelta(seconds=50), 2),
        ("skip", LATE, 1),  # this one is hardly late
        ("skip", LATE + timedelta(milliseconds=1), 0),
    ],
)
def test_misfire(misfire: str, late: timedelta, n: int) -> None:
    """The last n of five fire, in order; the others are skipped."""
    found = steps(Policy(*parse_misfire(misfire)), minutes=5, late=late)
    five = [NOON - k * MINUTE for k in range(4, -1, -1)]
    assert fired(found) == five[5 - n :]
    assert skipped(found) == five[: 5 - n]
    assert {step.skip or step.why for step in found} == {"missed"}


def test_nothing_is_due() -> None:
    """Before the first occurrence after the last one there is nothing to do."""
    assert steps(Policy(), minutes=0, late=timedelta(seconds=59)) == []


def test_a_pause_skips_them_all() -> None:
    """While it is paused each occurrence is skipped, for that reason."""
    found = steps(Policy(100), minutes=3, paused=True)
    assert fired(found) == []
    assert len(skipped(found)) == 3
    assert [(step.skip, step.why) for step in found] == [("paused", "paused")]


def test_a_long_absence_has_an_end() -> None:
    """A thousand missed ones are told one by one; for those before them there is one word."""
    [step] = steps(Policy(), minutes=60 * 24 * 30)
    assert len(step.others) == 999
    assert step.since == NOON - 30 * timedelta(days=1)
    assert step.others[-1] == NOON - MINUTE


@pytest.mark.parametrize(
    "wrong", ["none", "ALL", "all()", "all(0)", "all(1001)", "one(3)", 3, None]
)
def test_a_wrong_misfire(wrong: object) -> None:
    """What is no policy is refused, and the error says what would be."""
    with pytest.raises(ConfigurationError, match=r"skip, one, all, or all\(20\)"):
        parse_misfire(wrong)


@given(st.integers(0, 10**6), st.sampled_from([0.5, 20, 59]))
def test_jitter_is_the_same_for_all(n: int, seconds: float) -> None:
    """Each occurrence is put off by less than the jitter, and by the same whoever asks."""
    policy = Policy(jitter=timedelta(seconds=seconds))
    moment = NOON + n * MINUTE
    due = policy.due("clock", moment)
    assert moment <= due < moment + policy.jitter
    assert due == Policy(jitter=policy.jitter).due("clock", moment)
    assert due.microsecond % 1000 == 0


def test_jitter_differs() -> None:
    """Occurrences, and schedules, are put off by different times."""
    policy = Policy(jitter=timedelta(seconds=59))
    dues = {policy.due(name, NOON + n * MINUTE).second for n in range(50) for name in "ab"}
    assert len(dues) > 20


@given(st.timedeltas(timedelta(), timedelta(minutes=5)))
def test_jitter_keeps_the_order(late: timedelta) -> None:
    """Nothing is early; what is put off keeps back what comes behind it."""
    policy = Policy(100, jitter=timedelta(minutes=3))
    found = plan("clock", RULE, policy, NOON, NOON + late, paused=False)
    assert all(step.due <= NOON + late for step in found)
    assert all(b.occurrence - a.occurrence == MINUTE for a, b in pairwise(found))
