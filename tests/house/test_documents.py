"""Documentation that must keep up with the code."""

import inspect
import re
from pathlib import Path

from jobqueue.domain import errors

DOCS = Path(errors.__file__).parents[1] / "docs"
ERRORS = [
    name
    for name, value in inspect.getmembers(errors, inspect.isclass)
    if issubclass(value, errors.JobQueueError) and not name.startswith("_")
]


PACKAGE = DOCS.parent


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
