"""Every example of ``jobqueue docs testing`` runs as it stands there."""

import re
from pathlib import Path

import jobqueue

from .conftest import Pytest

PAGE = Path(jobqueue.__file__).parent / "docs" / "testing.md"


def test_examples(run_pytest: Pytest, tmp_path: Path) -> None:
    """Each block is the file that its first line names; together they are a project."""
    page = PAGE.read_text("utf-8")
    blocks = re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == page.count("```python") == 8
    for name, text in blocks:
        (tmp_path / name).write_text(text)
    out = run_pytest("-o", "asyncio_mode=auto")
    assert re.search(r"^13 passed", out, re.MULTILINE), out
