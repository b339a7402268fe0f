"""Any exception becomes text that can be stored."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue import Permanent
from jobqueue.worker.failures import MESSAGE_LIMIT, failure

LIMIT = 16 * 1024


class OddError(Exception):
    """Prints as it is told."""

    def __init__(self, answer: object) -> None:
        super().__init__()
        self.answer = answer

    def __str__(self) -> str:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer  # type: ignore[return-value]

    __repr__ = __str__


class Bounced(Permanent):
    """An error of a user, made from one of ours."""


def raised(error: BaseException) -> BaseException:
    """Return an exception with a traceback."""
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def test_type_message_and_traceback() -> None:
    """A built-in class is known by its name, any other by its module too."""
    plain = failure(raised(ValueError("three")), LIMIT)
    assert (plain.type, plain.message) == ("ValueError", "three")
    assert plain.traceback.startswith("Traceback (most recent call last):\n")
    assert plain.traceback.endswith("ValueError: three\n")
    other = failure(raised(msgspec.ValidationError("four")), LIMIT)
    assert other.type == "msgspec.ValidationError"


def test_our_errors_have_their_public_names() -> None:
    """Type and traceback name our errors as users import them, and classes of users as theirs."""
    ours = failure(raised(Permanent("no such address")), LIMIT)
    assert ours.type == "jobqueue.Permanent"
    assert ours.traceback.endswith("jobqueue.Permanent: no such address\n")
    assert failure(raised(Bounced("x")), LIMIT).type == f"{__name__}.Bounced"


def test_the_workers_own_frames_are_left_out() -> None:
    """``skip`` leaves out the outermost frames; more than there are is no error."""
    error = raised(ValueError("x"))
    assert "in raised" in failure(error, LIMIT).traceback
    assert "in raised" not in failure(error, LIMIT, skip=1).traceback
    assert failure(error, LIMIT, skip=9).traceback == "ValueError: x\n"


def test_an_exception_that_was_never_raised() -> None:
    """It has no frames, and still a type and a message."""
    assert failure(KeyError("k"), LIMIT).traceback == "KeyError: 'k'\n"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (RuntimeError("no"), "<message can't be printed: RuntimeError>"),
        (SystemExit(1), "<message can't be printed: SystemExit>"),
        (KeyboardInterrupt(), "<message can't be printed: KeyboardInterrupt>"),
        (RecursionError(), "<message can't be printed: RecursionError>"),
        (7, "<message can't be printed: TypeError>"),
        ("a\0b", "a\\x00b"),
        ("\ud800", "\\ud800"),
    ],
)
def test_a_message_that_can_not_be_printed(answer: object, message: str) -> None:
    """Whatever ``str()`` does, there is a message, and a traceback that can be stored."""
    text = failure(raised(OddError(answer)), LIMIT)
    assert (text.type, text.message) == (f"{__name__}.OddError", message)
    assert "in raised" in text.traceback
    text.traceback.encode()
    assert "\0" not in text.traceback


def test_causes_and_groups_are_told() -> None:
    """The traceback tells where an exception came from, and what a group holds."""
    cause = ValueError("first")
    error = raised(ExceptionGroup("several", [KeyError("a"), OddError(SystemExit())]))
    error.__cause__ = cause
    text = failure(error, LIMIT).traceback
    assert "ValueError: first" in text
    assert "KeyError: 'a'" in text
    assert "direct cause" in text


def test_exceptions_that_cause_each_other() -> None:
    """A ring of causes ends."""
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert "ValueError: one" in failure(one, LIMIT).traceback


def test_a_long_chain() -> None:
    """A chain of thousands is cut, head and tail kept."""
    error: BaseException = ValueError("first")
    for number in range(5000):
        later = ValueError(str(number))
        later.__cause__ = error
        error = later
    text = failure(error, LIMIT).traceback
    assert len(text.encode()) <= LIMIT
    assert text.startswith("ValueError: first")
    assert text.endswith("ValueError: 4999\n")


@given(st.text(), st.integers(0, 3000))
def test_sizes(message: str, limit: int) -> None:
    """Neither message nor traceback grows beyond its limit, and both can be stored."""
    text = failure(raised(ValueError(message * 100)), limit)
    assert len(text.message.encode()) <= MESSAGE_LIMIT
    assert len(text.traceback.encode()) <= max(limit, 60)
    assert "\0" not in text.message + text.traceback
