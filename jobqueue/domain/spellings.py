"""Finds a text inside another one that may have it escaped, quoted for a URL or indented.

Errors show values in many spellings: ``repr``, ``json.dumps``, bytes, a URL, a note in a group
of exceptions. Both texts are brought to one plain form, which loses what the spellings differ
in, and compared there. So it may find a little more than is meant, and that is the safe side.
"""

import re
from collections.abc import Callable, Iterator

# A run of it is one character or several, in UTF-8 where that can be read.
_URL = re.compile(r"(?:%[0-9A-Fa-f]{2})+|\+")
# Any number of backslashes: a spelling may be quoted again.
_ESCAPES = re.compile(
    r"(?:\\+x[0-9A-Fa-f]{2})+|(?:\\+u[0-9A-Fa-f]{4})+|\\+U[0-9A-Fa-f]{8}|\\+[nrtbf]|\\+"
)
_BYTES = re.compile(r"[\x80-\xff]{2,}")
# Behind it the next line may be indented, and has bars in a group of exceptions.
_LINE_END = re.compile(r"\n[ \t|]*")
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_HEX = re.compile(r"\\+[xuU]")


def _from_url(found: str) -> str:
    if found == "+":
        return " "  # as some do; what is really one becomes a blank everywhere
    return bytes.fromhex(found.replace("%", "")).decode(errors="replace").replace("+", " ")


def _unescaped(found: str) -> str:
    kind = found.lstrip("\\")[:1]
    if kind not in ("x", "u", "U"):
        return _LETTERS.get(kind, "")
    raw = bytes.fromhex(_HEX.sub("", found))
    if kind == "u":
        return raw.decode("utf-16-be", "surrogatepass")  # JSON writes pairs of surrogates
    if kind == "U":
        return raw.decode("utf-32-be", "replace")
    return raw.decode("latin-1")


def _together(found: str) -> str:
    """Read bytes that were written as characters, as often as they can be: none says how often."""
    try:
        read = found.encode("latin-1").decode()
    except UnicodeDecodeError:
        return found
    return _BYTES.sub(lambda again: _together(again[0]), read)


_STEPS: tuple[tuple[re.Pattern[str], Callable[[str], str]], ...] = (
    (_URL, _from_url),
    (_ESCAPES, _unescaped),
    (_BYTES, _together),
    (_LINE_END, lambda _: "\n"),
)


def plain(text: str) -> str:
    """Return the plain form of a text."""
    for pattern, spelled in _STEPS:
        text = pattern.sub(lambda found, spelled=spelled: spelled(found[0]), text)  # type: ignore[misc]
    return text


class Spelled:
    """The plain form of a text, and which place of the text each of its characters has.

    Args:
        text: Any text.
    """

    def __init__(self, text: str) -> None:
        self._text = self.plain = text
        self._starts, self._ends = [*range(len(text))], [*range(1, len(text) + 1)]
        for pattern, spelled in _STEPS:
            self._replace(pattern, spelled)

    def _replace(self, pattern: re.Pattern[str], spelled: Callable[[str], str]) -> None:
        text, parts, starts, ends, at = self.plain, list[str](), list[int](), list[int](), 0
        for found in pattern.finditer(text):
            first, last = found.span()
            new = spelled(found[0])
            parts += text[at:first], new
            starts += self._starts[at:first] + [self._starts[first]] * len(new)
            ends += self._ends[at:first] + [self._ends[last - 1]] * len(new)
            at = last
        self.plain = "".join((*parts, text[at:]))
        self._starts, self._ends = starts + self._starts[at:], ends + self._ends[at:]

    def find(self, word: str) -> Iterator[tuple[int, int]]:
        """Yield where the text has a word, as it is or in its plain form: from where to where."""
        for at in _places(self.plain, word):
            yield self.place(at, at + len(word))
        for at in _places(self._text, word):  # of a word like "000\\" the plain form is not it
            yield at, at + len(word)

    def place(self, first: int, last: int) -> tuple[int, int]:
        """Return where in the text a part of its plain form is; it is not empty."""
        return self._starts[first], self._ends[last - 1]


def _places(text: str, word: str) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)
