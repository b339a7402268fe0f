"""The Python of the manual's pages runs as it stands."""

import re
from pathlib import Path
from types import ModuleType

import pytest

import jobqueue

PAGES = Path(jobqueue.__file__).parent / "docs"
WITH_CODE = ["handlers", "jobs"]


def code(page: str) -> str:
    """Return all Python blocks of a page, one behind the other."""
    text = (PAGES / f"{page}.md").read_text("utf-8")
    return "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE))


@pytest.mark.parametrize("page", WITH_CODE)
def test_it_runs(page: str) -> None:
    """Each page is one program: what it declares is declared."""
    module = ModuleType(page)
    exec(compile(code(page), f"{page}.md", "exec"), module.__dict__)  # noqa: S102 - our own text
    assert module.app.jobs
