"""Hides arguments from people: in logs, history, views and command line.

A job itself keeps them, since it runs with them, and so does its dead letter, since a
redrive needs them.
"""

from collections.abc import Sequence

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
    """Return a text, such as a traceback, without the hidden values that are strings."""
    found = _members.decode(arguments)
    for name in names:
        value = msgspec.json.decode(found[name]) if name in found else None
        if isinstance(value, str) and len(value) >= SHORTEST:
            text = text.replace(value, MASK)
    return text
