"""The input: the files of the running interpreter's standard library, and some broken ones.

What is counted here is counted another way than ``jobs.py`` does, for the checks.
"""

import ast
import os
import sysconfig
import tokenize
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(sysconfig.get_path("stdlib"))
NOT_ITS_OWN = {"site-packages", "dist-packages"}

Failure = Literal["encoding", "syntax"]

# Least bytes of a file, and the priority of its job: large files first.
PRIORITIES: tuple[tuple[int, Literal["critical", "high", "normal", "low"]], ...] = (
    (1 << 16, "critical"),
    (1 << 14, "high"),
    (1 << 12, "normal"),
    (0, "low"),
)

BROKEN: dict[Failure, dict[str, bytes]] = {
    "encoding": {
        "not_utf8.py": b'name = "caf\xe9"\n',
        "unknown_codec.py": b"# coding: no-such-codec\n",
    },
    "syntax": {
        "no_parameters.py": b"def broken(:\n    return 1\n",
        "old_print.py": b'print "hello"\n',
    },
}


@dataclass(frozen=True)
class Source:
    """A Python file."""

    path: Path
    size: int

    @property
    def priority(self) -> Literal["critical", "high", "normal", "low"]:
        """The priority of its job, by size."""
        return next(name for least, name in PRIORITIES if self.size >= least)


def sources(folder: Path) -> list[Source]:
    """Return the library's files, and broken ones made in ``folder`` where it has none."""
    paths = sorted(_library())
    known = {failure(path) for path in paths if "bad" in path.name}
    made = [
        _write(folder / name, content)
        for kind, files in BROKEN.items()
        if kind not in known
        for name, content in files.items()
    ]
    return [Source(path, path.stat().st_size) for path in (*paths, *made)]


def failure(path: Path) -> Failure | None:
    """Return why this file can't be parsed; ``None`` when it can."""
    try:
        with tokenize.open(path) as file:
            text = file.read()
    except (SyntaxError, UnicodeDecodeError):
        return "encoding"
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(text)
    except (SyntaxError, ValueError):
        return "syntax"
    return None


def lines(paths: Iterable[Path]) -> int:
    """Return how many lines these files have, whatever their encoding."""
    return sum(len(path.read_bytes().splitlines()) for path in paths)


def shown(path: str) -> str:
    """Return a short name of a file: its own and its folder's."""
    return "/".join(Path(path.removeprefix(f"{ROOT}/")).parts[-2:])


def _library() -> Iterator[Path]:
    for folder, below, names in os.walk(ROOT):
        below[:] = [name for name in below if name not in NOT_ITS_OWN]
        for name in names:
            path = Path(folder, name)
            if name.endswith(".py") and str(path).isprintable() and os.access(path, os.R_OK):
                yield path


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
