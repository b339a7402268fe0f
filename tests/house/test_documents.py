"""Documentation that must keep up with the code."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from jobqueue.cli.main import app
from jobqueue.domain import errors
from jobqueue.settings import SETTINGS

DOCS = Path(errors.__file__).parents[1] / "docs"
ERRORS = [
    name
    for name, value in inspect.getmembers(errors, inspect.isclass)
    if issubclass(value, errors.JobQueueError) and not name.startswith("_")
]


PACKAGE = DOCS.parent
SCRIPTS = PACKAGE.parent / "scripts"
PAGES = [*sorted(DOCS.glob("*.md")), PACKAGE.parent / "README.md"]


def test_every_stored_type_and_reason_is_explained() -> None:
    """Words that rows and dead letters may hold, and that are no classes, stand in the page."""
    page = (DOCS / "errors.md").read_text("utf-8")
    sources = [*PACKAGE.glob("worker/*.py"), *PACKAGE.glob("broker/lua/**/*.lua")]
    text = "\n".join(path.read_text("utf-8") for path in sources)
    types = set(re.findall(r"""["']jobqueue\.([A-Z]\w+)["']""", text))
    rules = (PACKAGE / "domain" / "outcomes.py").read_text("utf-8") + text
    reasons = set(re.findall(r'(?:reason|permanent)="(\w+)"', rules))
    reasons |= set(re.findall(r'^ +return "(\w+)"$', rules, re.MULTILINE))
    assert {"Mismatch", "ChildDied"} <= types
    assert {"deadline", "permanent", "result_too_large"} <= reasons
    unexplained = [f"jobqueue.{name}" for name in types] + list(reasons)
    assert [word for word in unexplained if f"| `{word}` |" not in page] == []


def test_every_error_has_its_section() -> None:
    """``jobqueue docs errors`` has a heading for every error class."""
    headings = re.findall(r"^#+ (.*)", (DOCS / "errors.md").read_text("utf-8"), re.MULTILINE)
    documented = set(re.findall(r"\w+", " ".join(headings)))
    assert set(ERRORS) - documented == set()


def flags(command: Any) -> Iterator[str]:
    """Return the options of a command and of all below it."""
    for parameter in command.params:
        yield from parameter.opts
    for inner in getattr(command, "commands", {}).values():
        yield from flags(inner)


def commands(command: Any, path: str = "jobqueue") -> Iterator[tuple[str, Any]]:
    """Return each command that does something, by the heading that it has in the manual."""
    inner = getattr(command, "commands", {})
    for name, each in inner.items():
        yield from commands(each, f"{path} {name}")
    if not inner:
        yield path, command


def flags_of_scripts() -> set[str]:
    """Return the options of everything in ``scripts``."""
    sources = [*SCRIPTS.glob("*/*.py"), SCRIPTS / "test"]
    text = "\n".join(path.read_text("utf-8") for path in sources)
    return set(re.findall(r"""(?:\("|^ +"?)(--[a-z][a-z-]*)(?:"|\))""", text, re.MULTILINE))


def test_every_flag_exists() -> None:
    """What a page tells people to write after two dashes is an option of some command."""
    known = {*flags(typer.main.get_command(app)), *flags_of_scripts(), "--help"}
    assert {"--queue-concurrency", "--json", "--fresh"} <= known
    for page in PAGES:
        written = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", page.read_text("utf-8")))
        assert written - known == set(), page.name


def test_every_flag_is_explained() -> None:
    """Each option of a command stands in its section, or in that of its group or of them all."""
    page = (DOCS / "cli.md").read_text("utf-8")
    parts = re.split(r"^#{2,3} (.*)\n", page, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    tree = typer.main.get_command(app)
    common = {f"--{name.replace('_', '-')}" for name in SETTINGS} | {
        each.opts[0] for each in tree.params
    }
    missing = []
    for path, command in commands(tree):
        text = sections[path] + sections.get(path.rpartition(" ")[0], "")
        own = {each.opts[0] for each in command.params if not getattr(each, "hidden", False)}
        told = set(re.findall(r"--[a-z][a-z-]*", text))
        missing += [f"{path} {flag}" for flag in own - common - told if flag.startswith("--")]
    assert missing == []
