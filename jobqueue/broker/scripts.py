"""Loads the Lua files: one for each transition, with shared fragments.

A script's ``--@use a b`` line names fragments of ``lua/lib``, which are put in its
place; everything stands behind ``local base = KEYS[1]``. The text that Redis gets is made
once for each process; its SHA-1 names it from then on.

``lua/testing`` has another clock fragment for :mod:`jobqueue.testing`. It is a text of its own,
so what runs in production knows nothing of it.
"""

import re
from functools import cache
from hashlib import sha1
from importlib.resources import files

import msgspec

_FOLDER = files("jobqueue.broker") / "lua"


class Script(msgspec.Struct, frozen=True):
    """One Lua file as Redis gets it."""

    name: str
    source: str
    sha: str


@cache
def script(name: str, fragments: str = "lib") -> Script:
    """Return the script ``lua/<name>.lua`` with its fragments.

    Args:
        name: The script.
        fragments: A folder whose fragments come before those of ``lua/lib``.

    Raises:
        FileNotFoundError: There is no such file; the package is incomplete.
    """
    text = (_FOLDER / f"{name}.lua").read_text("utf-8")
    shebang, _, rest = text.partition("\n")
    # The header is for people; Redis need not parse and keep it.
    code = rest.partition("]]\n")[2]

    def inline(use: re.Match[str]) -> str:
        return "\n".join(_fragment(each, fragments) for each in use[1].split())

    body = re.sub(r"^--@use (.+)$", inline, code, flags=re.MULTILINE)
    source = f"{shebang}\nlocal base = KEYS[1]\n{body}"
    return Script(name, source, sha1(source.encode(), usedforsecurity=False).hexdigest())


@cache
def _fragment(name: str, folder: str) -> str:
    own = _FOLDER / folder / f"{name}.lua"
    return (own if own.is_file() else _FOLDER / "lib" / f"{name}.lua").read_text("utf-8")
