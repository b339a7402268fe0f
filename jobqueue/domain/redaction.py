"""Hides arguments from people: in logs, history, views and command line.

A job itself keeps them, since it runs with them, and so does its dead letter, since a
redrive needs them.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from jobqueue.domain.arguments import STAR
from jobqueue.domain.spellings import Spelled, plain

MASK = "***"
SHORTEST = 4  # characters; shorter values would blot out half of every text
LINE = 8  # characters; a shorter line of a value says little by itself

CUT = re.compile(r"\n\.\.\. \d+ bytes left out \.\.\.\n")  # see codec.storable

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
    # A word may look like a spelling itself; then a text that spells it has it as it is.
    return _masked(text, words | {plain(word) for word in words}) if words else text


def _words(value: Any) -> Iterator[str]:
    """Yield what a text must not show of a value: all of it, and its lines one by one."""
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list):
        for each in value:
            yield from _words(each)
    elif not isinstance(value, bool | None):
        word = str(value)
        yield word
        if "\n" in word:
            yield from (line for line in map(str.strip, word.split("\n")) if len(line) >= LINE)


def _masked(text: str, words: Iterable[str]) -> str:
    """Return a text without words, which are in their plain form, however it spells them."""
    spelled = Spelled(text)
    cuts = [found.span() for found in CUT.finditer(spelled.plain)]
    places: list[tuple[int, int]] = []
    for word in words:
        if len(word) >= SHORTEST:
            places += spelled.find(word)
            places += (place for cut in cuts for place in _beside(spelled, cut, word))
    parts, at = list[str](), 0
    for first, last in sorted(places):
        if first >= at:
            parts += text[at:first], MASK
        at = max(at, last)  # what overlaps has one mask
    return "".join((*parts, text[at:]))


def _beside(spelled: Spelled, cut: tuple[int, int], word: str) -> Iterator[tuple[int, int]]:
    """Yield where the beginning of a word was left before what was cut out, its end behind it."""
    first, last = cut
    head, tail = spelled.plain[:first], spelled.plain[last:]
    sizes = range(len(word) - 1, SHORTEST - 1, -1)
    if n := next((n for n in sizes if head.endswith(word[:n])), 0):
        yield spelled.place(first - n, first)
    if n := next((n for n in sizes if tail.startswith(word[-n:])), 0):
        yield spelled.place(last, last + n)
