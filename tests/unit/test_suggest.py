"""The one "did you mean" of the package."""

import pytest

from jobqueue.domain.suggest import did_you_mean, nearest, shown


@pytest.mark.parametrize(
    ("word", "near"), [("hihg", "high"), ("HIGH", "high"), ("xyzzy", None), ("", None)]
)
def test_nearest(word: str, near: str | None) -> None:
    """Misspelt and miscased words are found; others are not guessed."""
    assert nearest(word, ["critical", "high"]) == near


def test_nearest_keeps_the_name() -> None:
    """The answer is the known name as it is written."""
    assert nearest("send_mail", ["SendMail"]) == "SendMail"


def test_some_names_when_none_is_near() -> None:
    """The usual names come first; a long list is cut."""
    assert did_you_mean("xyzzy", ["a", "b"]) == "write one of a, b"
    many = [f"name{number}" for number in range(20)]
    assert did_you_mean("xyzzy", many).endswith("name7, ...")


def test_a_single_name_is_what_was_meant() -> None:
    """Where there is one name there is nothing to choose."""
    assert did_you_mean("xyzzy", ["queue"]) == "did you mean 'queue'?"


def test_other_words_when_none_is_near() -> None:
    """Where names are too many to list, the caller says where they are."""
    assert did_you_mean("xyzzy", ["a", "b"], otherwise="see the list") == "see the list"
    assert did_you_mean("hihg", ["high", "low"], otherwise="") == "did you mean 'high'?"


def test_shown() -> None:
    """A short value is shown as Python writes it, a long one by its head, tail and length."""
    assert shown("a\nb") == r"'a\nb'"
    long = shown("x" * 5000 + "end")
    assert long.startswith("'xxxx")
    assert long.endswith("xxxxxxend' (5005 characters)")
    assert len(long) < 130


def test_shown_of_what_can_not_be_shown() -> None:
    """A refusal must not fail for the value that it is about."""

    class Odd:
        """Has no text."""

        def __repr__(self) -> str:
            raise LookupError

    assert shown(Odd()) == "<Odd that can't be shown: LookupError>"
