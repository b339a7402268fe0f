"""What is written of an outcome: the job's next state and its row."""

from typing import Any

import msgspec
import pytest

from jobqueue.broker.messages import Delivery, Return, Settlement
from jobqueue.domain import executions
from jobqueue.domain.arguments import ArgumentsMismatch
from jobqueue.domain.context import CurrentJob
from jobqueue.domain.errors import RetryAfter, Snooze
from jobqueue.domain.executions import Execution
from jobqueue.domain.handlers import Handler, Kind
from jobqueue.domain.jobs import SPEC_VERSION, Spec
from jobqueue.domain.outcomes import (
    Failed,
    Failure,
    Outcome,
    Released,
    Snoozed,
    Succeeded,
    TimedOut,
    Unknown,
)
from jobqueue.domain.retry import Retry, RetrySpec
from jobqueue.domain.units import LONGEST
from jobqueue.worker.held import Held
from jobqueue.worker.settlements import Scribe, Written
from jobqueue.worker.verdicts import mismatched, raised, returned
from tests.support.reports import shared

CLOCK_US = 1_700_000_000_000_000
FAILURE = Failure("ValueError", "x", "trace")
FAILED = Failed(FAILURE, ValueError("x"))
FIXED = Retry(2, base=4, jitter="none")


def held(*, started: bool = True, attempts: int = 0, crashes: int = 0, **fields: Any) -> Held:
    """Return a delivery whose handler has ended, or one that has not started."""
    spec = fields.pop("spec", Spec(SPEC_VERSION, None, b"{}"))
    raw = msgspec.Raw(msgspec.msgpack.encode(spec))
    number = attempts + crashes + 1
    delivery = Delivery(
        *("job-1", "token", "ready:1", "1700000000000-7", 0, "work", 1_699_999_999_000, raw),
        *(0, attempts, number, crashes, 0, 9),
    )
    run = Held("default", delivery, fields.pop("handler", None), CLOCK_US, shared(), spec=spec)
    if started:
        run.started_us, run.ended_us = 1_000, 3_500
    return run


def written(outcome: Outcome, policy: Retry = FIXED, **fields: Any) -> Written:
    """Return what a scribe writes of an outcome."""
    return Scribe("w1", "v7", policy).write(held(**fields), outcome)


def settled(outcome: Outcome, **fields: Any) -> Settlement:
    """Return what becomes of the job."""
    settlement = written(outcome, **fields).settlement
    assert isinstance(settlement, Settlement)
    return settlement


def row(outcome: Outcome, **fields: Any) -> Execution:
    """Return the row of an outcome that leaves one."""
    return executions.unpack(written(outcome, **fields).record)


def test_a_success() -> None:
    """Its state is terminal; its row holds the delivery's place and times on the Redis clock."""
    settlement = settled(returned(None, 9, 9))
    assert (settlement.state, settlement.delay_ms, settlement.fields) == ("succeeded", None, ())
    assert (settlement.id, settlement.token) == ("job-1", "token")
    execution = row(returned(None, 9, 9), attempts=2)
    assert (execution.outcome, execution.final, execution.attempt) == ("succeeded", True, 3)
    assert (execution.worker, execution.code_version, execution.queue) == ("w1", "v7", "default")
    assert (execution.priority, execution.ready_ms) == (1, 1_700_000_000_000)
    assert execution.started_us == CLOCK_US + 1_000
    assert execution.finished_us - execution.started_us == 2_500
    assert (execution.result, execution.error_type, execution.retry_ms) == (None, None, None)


def test_a_result() -> None:
    """It goes to the job, to whoever waits and into the row, byte for byte the same."""
    settlement = settled(Succeeded(b'{"a":1}'))
    assert (settlement.fields, settlement.payload) == (["result", '{"a":1}'], '{"a":1}')
    assert row(Succeeded(b'{"a":1}')).result == b'{"a":1}'


@pytest.mark.parametrize("crashes", [0, 2])
def test_crashes_are_told(crashes: int) -> None:
    """Every row says how many workers died of the job before it."""
    assert row(returned(None, 9, 9), crashes=crashes).crashes == crashes
    assert row(FAILED, crashes=crashes).crashes == crashes


@pytest.mark.parametrize("outcome", [FAILED, TimedOut(FAILURE)], ids=["failed", "timed out"])
def test_a_retry(outcome: Outcome) -> None:
    """It counts the attempt and says when the next one is due; nobody hears of an end."""
    settlement = settled(outcome, attempts=1)
    assert (settlement.state, settlement.delay_ms) == ("retrying", 8000)
    assert settlement.fields == ["attempts", 2, "delay", 8000, "last", "ValueError: x"]
    assert settlement.payload == ""
    execution = row(outcome, attempts=1)
    assert (execution.attempt, execution.final, execution.reason) == (2, False, "")
    assert execution.retry_ms == (CLOCK_US + 3_500) // 1000 + 8000
    assert (execution.error_type, execution.traceback) == ("ValueError", "trace")


def test_a_dead_letter() -> None:
    """The last failure is kept with the job and told to whoever waits."""
    settlement = settled(FAILED, attempts=2)
    assert (settlement.state, settlement.delay_ms) == ("dead", None)
    error = {"type": "ValueError", "message": "x", "traceback": "trace"}
    assert msgspec.json.decode(settlement.payload) == error
    assert settlement.fields == ["error", settlement.payload, "attempts", 3]
    execution = row(FAILED, attempts=2)
    assert (execution.final, execution.reason, execution.attempt) == (True, "retries_exhausted", 3)


def test_a_mismatch_ends_a_job_that_never_ran() -> None:
    """It leaves a row with attempt 0 and without a start."""
    execution = row(mismatched(ArgumentsMismatch("no")), started=False)
    assert (execution.attempt, execution.started_us, execution.final) == (0, 0, True)
    assert (execution.outcome, execution.reason) == ("failed", "mismatch")
    assert execution.finished_us > 0


@pytest.mark.parametrize(
    ("outcome", "started", "state", "outcomes"),
    [
        (Released(), True, None, "released"),
        (Released(), False, None, None),
        (Unknown(0), False, "scheduled", None),
        (Snoozed(5), True, "scheduled", "snoozed"),
    ],
    ids=["released", "released unstarted", "unknown", "snoozed"],
)
def test_what_costs_no_attempt(
    outcome: Outcome, started: bool, state: str | None, outcomes: str | None
) -> None:
    """It changes no count, and leaves a row only when the handler had started."""
    done = written(outcome, started=started, attempts=1)
    if state is None:
        assert done.settlement == Return("job-1", "token")
    else:
        assert isinstance(done.settlement, Settlement)
        fields = ["unknown", 1] if isinstance(outcome, Unknown) else ()
        assert (done.settlement.state, done.settlement.fields) == (state, fields)
    if outcomes is None:
        assert done.record == b""
    else:
        execution = executions.unpack(done.record)
        assert (execution.outcome, execution.final, execution.attempt) == (outcomes, False, 2)


@pytest.mark.parametrize(
    ("seconds", "ms"),
    [(0.0004, 0), (0.0006, 1), (LONGEST, 3_162_240_000_000), (1e300, 3_162_240_000_000)],
)
def test_delays(seconds: float, ms: int) -> None:
    """A delay is whole milliseconds and at most a hundred years."""
    assert settled(Snoozed(seconds)).delay_ms == ms
    assert settled(raised(RetryAfter(min(seconds, 1e9)), 0)).delay_ms is not None
    assert settled(raised(Snooze(1), 0)).delay_ms == 1000


def policy_of(handler: Retry | None, job: RetrySpec | None) -> Settlement:
    """Return what becomes of a failed job whose handler and spec bring policies."""
    spec = Spec(SPEC_VERSION, None, b"{}", retry=job)
    own = Handler("work", print, Kind.THREAD, retry=handler)
    return settled(FAILED, handler=own, spec=spec)


def test_whose_policy_holds() -> None:
    """The job's goes before its handler's, and that before the setting's."""
    handler, job = Retry(1, base=9, jitter="none"), RetrySpec(1, 7000, 7000, "constant", "none")
    assert policy_of(handler, job).delay_ms == 7000
    assert policy_of(handler, None).delay_ms == 9000
    assert policy_of(None, None).delay_ms == 4000


def test_a_policy_that_nobody_here_knows() -> None:
    """A job's policy of a newer version leaves the handler's number of retries."""
    unknown = RetrySpec(9, 1, 1, "fibonacci", "none")
    assert policy_of(Retry(0), unknown).state == "dead"
    assert policy_of(Retry(1), unknown).state == "retrying"


@pytest.mark.parametrize("problem", [ValueError("bug"), SystemExit(1), KeyboardInterrupt()])
def test_an_own_function_that_raises(problem: BaseException) -> None:
    """Whatever it raises, the job is tried again by the plain policy, within the same cap."""

    def backoff(attempt: int, error: BaseException, job: CurrentJob) -> float:
        assert (attempt, type(error), job.id, job.attempt) == (1, ValueError, "job-1", 1)
        raise problem

    settlement = policy_of(Retry(1, backoff=backoff, cap=0.5), None)
    assert settlement.state == "retrying"
    assert 0 <= (settlement.delay_ms or 0) <= 500


def test_a_class_that_can_not_be_asked() -> None:
    """A class of exceptions whose check fails leaves the plain policy."""

    class Meta(type):
        def __instancecheck__(cls, instance: object) -> bool:
            raise RuntimeError("no")

    class OddError(Exception, metaclass=Meta):
        pass

    assert policy_of(Retry(1, on=OddError), None).state == "retrying"
