"""Every script says what it does, in the same form, and means it.

A header is the only documentation of a script: name and purpose, its key, its
arguments with their types, the keys that it touches, and what it returns.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "jobqueue" / "broker" / "lua"
SCRIPTS = sorted(FOLDER.glob("*.lua"))
FRAGMENTS = sorted(FOLDER.glob("lib/*.lua"))

ADD_WORK = {"enqueue", "redrive", "fire"}
"""Refused whole when memory is out; every other script must go on then."""

ROW = re.compile(r"(?P<array>KEYS|ARGV)\[(?P<number>\d+)(?P<rest>…?)\]\s+\S+\s+\S+\s+\S.*")


@dataclass(frozen=True)
class Source:
    """One script: its first line, its header and its code."""

    first: str
    header: str
    code: str

    @property
    def fragments(self) -> list[str]:
        """Names of the fragments that it uses."""
        return " ".join(re.findall(r"^--@use (.+)$", self.code, re.MULTILINE)).split()

    def rows(self, array: str) -> list[re.Match[str]]:
        """Header lines about KEYS or ARGV."""
        lines = [line for line in self.header.splitlines() if line.startswith(f"{array}[")]
        matches = [ROW.fullmatch(line) for line in lines]
        return [match for match in matches if match]

    def section(self, name: str) -> str:
        """The text behind ``Keys`` or ``Returns``, continuation lines included."""
        match = re.search(rf"^{name}  +(.+(?:\n  +.+)*)", self.header, re.MULTILINE)
        return match[1] if match else ""


def read(path: Path) -> Source:
    """Take a script apart."""
    match = re.fullmatch(
        r"(#!lua.*)\n--\[\[\n(.+?)\n\]\]\n(.+)", path.read_text("utf-8"), re.DOTALL
    )
    assert match, f"{path.name} does not begin with #!lua and a header in --[[ … ]]"
    return Source(*match.groups())


scripts = pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
fragments = pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: path.stem)


@scripts
def test_first_line(path: Path) -> None:
    """Only scripts that add work may be refused when memory is out."""
    expected = "#!lua" if path.stem in ADD_WORK else "#!lua flags=allow-oom"
    assert read(path).first == expected


@scripts
def test_header(path: Path) -> None:
    """The header begins with the file's name and has every part."""
    source = read(path)
    assert re.match(rf"{path.stem}: \w.*\S", source.header)
    assert source.section("Keys")
    assert source.section("Returns")


@scripts
@pytest.mark.parametrize("array", ["KEYS", "ARGV"])
def test_rows(path: Path, array: str) -> None:
    """Keys and arguments are numbered from 1, each with name, type and meaning."""
    source = read(path)
    rows = source.rows(array)
    assert [int(row["number"]) for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) == source.header.count(f"\n{array}["), "a line is not: name, type, meaning"
    assert not any(row["rest"] for row in rows[:-1]), "only the last may stand for many"
    assert rows or array == "ARGV"


@scripts
def test_arguments_are_documented(path: Path) -> None:
    """The code reads no argument and no key that the header does not name."""
    source = read(path)
    for array in ("KEYS", "ARGV"):
        used = re.findall(rf"{array}\[(\d+)\]", source.code)
        used += re.findall(rf"unpack\({array}, 1, (\d+)\)", source.code)
        assert max(map(int, used), default=0) <= len(source.rows(array))


@scripts
def test_keys_are_documented(path: Path) -> None:
    """Every key that the code names stands in the header."""
    source = read(path)
    documented = re.split(r"[,\s]+", source.section("Keys"))
    for key in re.findall(r"base \.\. '([a-z:]+)'", source.code):
        assert any(name.startswith(key) for name in documented), key


@scripts
def test_fragments_exist(path: Path) -> None:
    """A script uses fragments that are there, each once."""
    names = read(path).fragments
    assert set(names) <= {fragment.stem for fragment in FRAGMENTS}
    assert len(names) == len(set(names))


@scripts
def test_fragments_are_used(path: Path) -> None:
    """No script carries a fragment of which neither it nor another one uses anything."""
    source = read(path)
    texts = {name: (FOLDER / "lib" / f"{name}.lua").read_text("utf-8") for name in source.fragments}
    texts[""] = source.code
    codes = {name: re.sub("--.*", "", text) for name, text in texts.items()}
    for name in source.fragments:
        lists = re.findall(r"^local (?:function )?([\w, ]+)", codes[name], re.MULTILINE)
        others = "\n".join(code for other, code in codes.items() if other != name)
        own = re.findall(r"\w+", " ".join(lists))
        assert any(re.search(rf"\b{each}\b", others) for each in own), name


@fragments
def test_fragment(path: Path) -> None:
    """A fragment says in its first line what it is for, and some script uses it."""
    assert re.match(rf"-- {path.stem}: \w.*\S\n", path.read_text("utf-8"))
    assert any(path.stem in read(script).fragments for script in SCRIPTS)


def test_scripts_that_add_work_are_there() -> None:
    """The list above names real files."""
    assert {path.stem for path in SCRIPTS} >= ADD_WORK
