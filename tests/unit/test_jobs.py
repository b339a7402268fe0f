"""States with their legal transitions, priorities, and the form of a job on the wire."""

import msgspec
import pytest

from jobqueue import Priority, State
from jobqueue.domain import executions
from jobqueue.domain.executions import Execution
from jobqueue.domain.jobs import SPEC_VERSION, TRANSITIONS, Spec
from jobqueue.domain.retry import Retry

TERMINAL = {State.SUCCEEDED, State.DEAD, State.CANCELLED, State.EXPIRED}


def test_every_state_has_a_row() -> None:
    """The table says of every state where it may lead."""
    assert set(TRANSITIONS) == set(State)


def test_terminal_states_end() -> None:
    """Only the redrive of a dead letter leads out of the end."""
    assert {state for state in State if state.terminal} == TERMINAL
    ways = {state: TRANSITIONS[state] for state in TERMINAL}
    assert ways.pop(State.DEAD) == {State.READY, State.BLOCKED}
    assert set(ways.values()) == {frozenset()}


def test_only_ready_jobs_start() -> None:
    """A job runs after it was ready, never straight from another state."""
    assert {state for state in State if State.RUNNING in TRANSITIONS[state]} == {State.READY}


def test_only_running_jobs_succeed_or_fail() -> None:
    """What a handler came to is known only where one ran."""
    for outcome in (State.SUCCEEDED, State.RETRYING):
        assert {state for state in State if outcome in TRANSITIONS[state]} == {State.RUNNING}


@pytest.mark.parametrize("state", [state for state in State if state not in TERMINAL])
def test_every_live_job_can_end(state: State) -> None:
    """Any job that has not ended can be cancelled, and can come to run."""
    assert State.CANCELLED in TRANSITIONS[state]
    reached, todo = {state}, [state]
    while todo:
        new = TRANSITIONS[todo.pop()] - reached
        reached |= new
        todo += new
    assert reached == set(State)


def test_priorities() -> None:
    """Lower numbers run first; users write the names."""
    assert sorted(Priority) == [Priority.CRITICAL, Priority.HIGH, Priority.NORMAL, Priority.LOW]
    assert [p.label for p in Priority] == ["critical", "high", "normal", "low"]
    assert [int(p) for p in Priority] == [0, 1, 2, 3]


def test_spec_on_the_wire() -> None:
    """A spec is an array; what older code did not write has its default."""
    spec = Spec(SPEC_VERSION, None, b"{}", 5, Retry(2).to_spec(), 7, b"{}", ("a",))
    decode = msgspec.msgpack.Decoder(Spec).decode
    assert decode(msgspec.msgpack.encode(spec)) == spec
    assert decode(msgspec.msgpack.encode([1, None, b"{}"])) == Spec(1, None, b"{}")
    newer = [*msgspec.msgpack.decode(msgspec.msgpack.encode(spec)), "a field of a newer version"]
    assert decode(msgspec.msgpack.encode(newer)) == spec


def execution(outcome: str, *, final: bool) -> Execution:
    """Return a record of that outcome."""
    spec = msgspec.Raw(msgspec.msgpack.encode(Spec(SPEC_VERSION, None, b"{}")))
    return Execution(
        1, "e", "j", 0, 1, 1, final, outcome, "q", "n", 2, "w", "", 1, 2, 3, 4, spec
    )  # fmt: skip


def test_execution_on_the_wire() -> None:
    """A record is an array that newer code may lengthen and scripts may shorten."""
    record = execution("succeeded", final=True)
    raw = executions.pack(record)
    assert executions.unpack(raw) == record
    fields = msgspec.msgpack.decode(raw)
    assert executions.unpack(msgspec.msgpack.encode(fields[:18])) == record
    assert executions.unpack(msgspec.msgpack.encode([*fields, "newer"])) == record


@pytest.mark.parametrize(
    ("outcome", "final", "dead"),
    [
        ("failed", True, True),
        ("timed_out", True, True),
        ("lost", True, True),
        ("failed", False, False),
        ("lost", False, False),
        ("succeeded", True, False),
        ("cancelled", True, False),
        ("expired", True, False),
    ],
)
def test_dead_letters(outcome: str, *, final: bool, dead: bool) -> None:
    """A dead letter is the last row of a job that failed, ran too long or lost its workers."""
    assert execution(outcome, final=final).dead is dead
