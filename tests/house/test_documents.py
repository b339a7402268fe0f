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


def test_every_error_has_its_section() -> None:
    """``jobqueue docs errors`` has a heading for every error class."""
    headings = re.findall(r"^#+ (.*)", (DOCS / "errors.md").read_text("utf-8"), re.MULTILINE)
    documented = set(re.findall(r"\w+", " ".join(headings)))
    assert set(ERRORS) - documented == set()
