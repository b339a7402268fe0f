"""Fingerprints of errors: one short word for all failures with the same cause.

A fingerprint is made of the error's type, of its message without the data in it, and of the
innermost function of the application in its traceback. Numbers, ids, addresses, URLs and
whatever stands in quotes are data; line numbers and folders are left out. So it stays the
same from job to job, from host to host and over most changes of the code. The function is
in it since the messages of Python's own errors say little: ``KeyError: 'a'``.

One rule: these values are in the history, so a change of the rules below parts an error from
its past. Make one only for a good reason, and write it into the changelog.
"""

import hashlib
import re

LENGTH = 12  # hexadecimal digits: of 10,000 errors no two are likely to share one
LONGEST_MESSAGE = 300  # characters; a message may hold a document
LONGEST_TAIL = 4096  # characters of a traceback, where the innermost frames are

# In this order: a URL holds numbers, and quotes hold anything. A word is looked at from its
# beginning only: from each letter, a long one would take the square of its length.
_DATA = re.compile(
    r"""
      (?P<url>(?<![\w+.-])[A-Za-z][\w+.-]*://[^\s'"]+)
    | (?P<text>(?<!\w)'[^'\n]*'(?!\w) | "[^"\n]*")
    | (?P<address>(?<![\w.+-])[\w.+-]+@[\w-]+\.[\w.-]+)
    | (?P<path>(?<![\w.])(?:/[\w.@+-]+){2,}/?)
    | (?P<id>\b0x[0-9a-fA-F]+\b
        | \b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b
        | \b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{8,}\b)
    | (?P<n>(?<![\w.])-?\d(?:[\d.,:_]*\d)?|\d+)
    """,
    re.VERBOSE,
)
_FRAME = re.compile(r'File "([^"]+)", line \d+, in (\S+)')
_FOLDERS = re.compile(r".*[/\\]")
_FOREIGN = re.compile(r"^<|[/\\](?:site-packages|dist-packages|lib[/\\]python3[^/\\]*)[/\\]")


def fingerprint(type_: str | None, message: str | None, traceback: str | None) -> str | None:
    """Return the fingerprint of an error; None where there is none.

    Args:
        type_: Qualified name of the exception, or another word for what happened.
        message: Its text.
        traceback: As Python prints it; may be cut, and may be empty.
    """
    if type_ is None:
        return None
    parts = (type_, plain(message or ""), place(traceback or ""))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:LENGTH]


def plain(message: str) -> str:
    """Return the first line of a message with marks such as ``<n>`` in the place of data."""
    first = message.lstrip().partition("\n")[0]
    return _DATA.sub(lambda found: f"<{found.lastgroup}>", first[:LONGEST_MESSAGE])


def place(traceback: str) -> str:
    """Return file and function of the innermost frame that is not a library's, else of any.

    The file comes without its folders: they differ from host to host.
    """
    frames = _FRAME.findall(traceback[-LONGEST_TAIL:])
    own = [frame for frame in frames if not _FOREIGN.search(frame[0])] or frames
    if not own:
        return ""
    path, function = own[-1]
    return f"{_FOLDERS.sub('', path)}:{function}"
