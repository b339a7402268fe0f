"""``.env.example`` and the page on settings say what the table of settings says."""

import re
from pathlib import Path

from jobqueue.settings import SETTINGS, Setting

ROOT = Path(__file__).parents[2]


def shown_default(row: Setting) -> str:
    """Return the default as people write it, empty when there is none."""
    return row.show(row.default) or ""


def example_block(row: Setting) -> str:
    """Return what ``.env.example`` holds about a setting."""
    lines = [f"# {row.help}"]
    if row.secret:
        lines.append(f"# Or the path of a file that holds it: {row.variable}_FILE.")
    return "\n".join([*lines, f"#{row.variable}={shown_default(row)}"])


def page_row(row: Setting) -> str:
    """Return the line of the table in ``jobqueue docs settings``."""
    default = shown_default(row)
    cells = (f"`{row.name}`", row.kind.label, f"`{default}`" if default else "", row.help)
    return f"| {' | '.join(cells)} |"


def test_env_example_agrees() -> None:
    """Every variable is there once, in order, with its help and default."""
    text = (ROOT / ".env.example").read_text("utf-8")
    blocks = text.strip().split("\n\n")[1:]  # after the introduction
    assert blocks == [example_block(row) for row in SETTINGS.values()]


def test_env_example_changes_nothing() -> None:
    """Every line is a comment: a copy of the file means the defaults."""
    text = (ROOT / ".env.example").read_text("utf-8")
    assert re.findall(r"^[^#\n].*", text, re.MULTILINE) == []


def test_page_agrees() -> None:
    """The page on settings has one line for each setting, in order."""
    text = (ROOT / "jobqueue" / "docs" / "settings.md").read_text("utf-8")
    rows = re.findall(r"^\| `.*", text, re.MULTILINE)
    assert rows == [page_row(row) for row in SETTINGS.values()]


def test_help_is_a_sentence() -> None:
    """Each help text is a sentence on one line, short enough for a comment line."""
    wrong = [row.name for row in SETTINGS.values() if not re.fullmatch(r"[A-Z].{,96}\.", row.help)]
    assert wrong == []
