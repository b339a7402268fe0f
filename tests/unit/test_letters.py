"""What is said about dead letters: filters, canaries, edits, the pace, and the operator log."""

import time
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from jobqueue import Canary, ConfigurationError, DeadLetter, InvalidJob, Priority, Rate
from jobqueue.client.edits import Edit
from jobqueue.client.operator import whoever
from jobqueue.client.pace import Pace
from jobqueue.domain.jobs import SPEC_VERSION, Asks, Spec
from jobqueue.domain.letters import Which, which
from jobqueue.domain.operations import LONGEST_REASON, Operation

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_filter() -> None:
    """None means any; a fingerprint is told from the name of an exception."""
    assert which({"queue": None}) == Which()
    assert which({"error": "0123456789ab"}).by_fingerprint
    assert not which({"error": "shop.Refused"}).by_fingerprint
    given = which({"name": "send", "since": NOON}).given()
    assert given == {"name": "send", "since": "2026-11-22T12:00:00+00:00"}


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ({"queue": "a b"}, "queue: 'a b' can't name a queue"),
        ({"name": ""}, "name: '' can't name a job"),
        ({"error": 5}, "error: 5 is no printable text"),
        ({"tag": "a\0"}, "tag: .* is no printable text"),
        ({"until": NOON.replace(tzinfo=None)}, "until: .* is no time with a time zone"),
        ({"since": "yesterday"}, "since: 'yesterday' is no time with a time zone"),
    ],
)
def test_a_wrong_filter(where: Any, problem: str) -> None:
    """A value that can't be right is refused before any server is asked."""
    with pytest.raises(InvalidJob, match=problem):
        which(where)


@pytest.mark.parametrize(
    ("failing", "of", "stops"),
    [(0, 20, False), (1, 20, False), (2, 20, True), (20, 20, True), (0, 0, False), (1, 1, True)],
)
def test_a_canary_stops(failing: int, of: int, *, stops: bool) -> None:
    """The rest goes on only if fewer fail than the share."""
    assert Canary(20, 0.1).stops(failing, of) is stops


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ((0,), "canary: 0; write a whole number"),
        ((True,), "canary: True"),
        ((1, 0), "stop_if_failing: 0; write a share above 0"),
        ((1, 1.5), "stop_if_failing: 1.5"),
        ((1, 0.5, -1), "canary timeout: -1 is out of range"),
    ],
)
def test_a_wrong_canary(given: Any, problem: str) -> None:
    """What makes no sense is refused where it is written."""
    with pytest.raises(ConfigurationError, match=problem):
        Canary(*given)


def letter(spec: bytes, arguments: Any) -> DeadLetter:
    """Return a letter as PostgreSQL has it."""
    return DeadLetter(
        execution_id="e", job_id="j", run=0, queue="default", name="send",
        priority=Priority.NORMAL, attempts=1, crashes=0, outcome="failed", reason=None,
        error_type=None, error_message=None, traceback=None, arguments=arguments, metadata=None,
        tags=None, enqueued_at=NOON, failed_at=NOON, redriven_at=None, deleted_at=None, spec=spec,
    )  # fmt: skip


def test_an_edit_changes_nothing_else() -> None:
    """Keys, options and what a mask hides stay; only given arguments remain."""
    old = b'{"to":"a","token":{"n":1},"x":1}'
    spec = Spec(SPEC_VERSION, Asks(lock="K"), old, 5000, tags=("t",), redact=("token",))
    shown = {"to": "a", "token": "***", "x": 1}
    before = letter(msgspec.msgpack.encode(spec), shown)
    edit = Edit({"to": "***", "token": "***"}, 1000)
    after = msgspec.msgpack.decode(edit.spec_of(before), type=Spec)
    assert msgspec.json.decode(after.arguments) == {"to": "***", "token": {"n": 1}}
    assert msgspec.structs.replace(after, arguments=old) == spec
    secret = Edit({"to": "b", "token": "new"}, 1000).told(before)
    assert secret == {"before": shown, "after": {"to": "b", "token": "***"}}
    missing = Edit({"token": "new"}, 1000).told(letter(before.spec, {"x": 1}))
    assert missing["after"] == {"token": "***"}


def test_an_edit_of_what_nobody_can_read() -> None:
    """A spec that is none can be put back as it is, not changed."""
    with pytest.raises(InvalidJob, match="the stored job can't be read"):
        Edit({}, 1000).spec_of(letter(b"\xff", {"jobqueue": "not stored"}))


@pytest.mark.parametrize(
    ("rate", "size"), [(None, 500), (Rate(50), 10), (Rate(1), 1), (Rate(100, 60), 1)]
)
def test_a_pace_in_small_steps(rate: Rate | None, size: int) -> None:
    """A fifth of a second's worth at once, at least one."""
    assert Pace(rate, 500).size == size


async def test_a_pace() -> None:
    """The first go at once, the others evenly after them."""
    pace, begun = Pace(Rate(100), 500), time.monotonic()
    for _ in range(4):
        await pace.turn(5)
    assert time.monotonic() - begun >= 0.15


def test_a_row_of_the_log() -> None:
    """Texts are such as PostgreSQL takes, and empty ones are none."""
    said = Operation(operator="a\0b", action="dlq.retry", reason="x" * 2 * LONGEST_REASON).row()
    assert said["operator"] == "a\\x00b"
    assert len(said["reason"]) <= LONGEST_REASON
    empty = Operation(operator="a", action="dlq.clear").row()
    assert (empty["reason"], empty["details"], empty["filter"]) == (None, None, None)


def test_who(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without a name, as in many containers, is a number."""

    def unknown() -> str:
        raise KeyError

    monkeypatch.setattr("socket.gethostname", lambda: "desk")
    monkeypatch.setattr("getpass.getuser", lambda: "alice")
    assert whoever() == "alice@desk"
    monkeypatch.setattr("getpass.getuser", unknown)
    assert whoever().removesuffix("@desk").isdecimal()
