"""Hides arguments from people: in logs, history, views and command line.

A job itself keeps them, since it runs with them, and so does its dead letter, since a
redrive needs them.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from jobqueue.domain.arguments import STAR

MASK = "***"
SHORTEST = 4  # characters; shorter values would blot out half of every text

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MASKED = msgspec.Raw(msgspec.json.encode(MASK))


def mask(arguments: bytes, names: Sequence[str]) -> bytes:
    """Return arguments as JSON with the values of ``names`` replaced.

    Positional ones that have no name are hidden all: one of them may be meant.
    """
    if not names:
        return arguments
    found = _members.decode(arguments)
    for name in (*names, STAR):
        if name in found:
            found[name] = _MASKED
    return msgspec.json.encode(found)


def scrub(text: str, arguments: bytes, names: Sequence[str]) -> str:
    """Return a text, such as a traceback, without the hidden values and what is inside them.

    Positional ones that have no name are all hidden values, as in :func:`mask`.
    """
    try:
        found = _members.decode(arguments)
    except msgspec.MsgspecError:
        return text  # what can't be read has not been used
    hidden = [msgspec.json.decode(found[name]) for name in (*names, STAR) if name in found]
    words = {word for value in hidden for word in _words(value)}
    # The longest first: one may be a part of another.
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, MASK)
    return text


def _words(value: Any) -> Iterator[str]:
    """Yield what a text may show of a value: as it is, and as Python writes it in quotes."""
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list):
        for each in value:
            yield from _words(each)
    elif not isinstance(value, bool | None):
        word = str(value)
        yield from (each for each in (word, repr(word)[1:-1]) if len(each) >= SHORTEST)
