"""``jobqueue docs`` and ``jobqueue version``: the manual and the versions."""

import json
import re
from pathlib import Path

import jobqueue
from jobqueue.cli.errors import exit_code
from jobqueue.domain import errors
from jobqueue.domain.errors import JobQueueError

from .conftest import Run

DOCS = Path(jobqueue.__file__).parent / "docs"
TOPICS = sorted(path.stem for path in DOCS.glob("*.md"))


def test_topics(run: Run) -> None:
    """Without a topic each page is listed with its title."""
    found = json.loads(run("docs", "--json").out)
    assert list(found) == TOPICS
    assert found["cli"] == "The command line"
    lines = run("docs").out.splitlines()
    assert [line.split()[0] for line in lines] == ["TOPIC", *TOPICS]


def test_page(run: Run) -> None:
    """A topic prints the page as it is."""
    text = (DOCS / "errors.md").read_text("utf-8")
    assert run("docs", "errors").out == text
    assert json.loads(run("docs", "errors", "--json").out) == {"topic": "errors", "text": text}


def test_unknown_page(run: Run) -> None:
    """A page that is not there suggests one that is, with exit code 2."""
    ended = run("docs", "erors")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(
        "jobqueue: Invalid value for TOPIC: no page 'erors'; did you mean 'errors'?"
    )


def test_docs_need_no_settings(run: Run, tmp_path: Path) -> None:
    """The manual can be read while a setting is wrong."""
    (tmp_path / "pyproject.toml").write_text("[tool.jobqueue]\nwrong = 1\n")
    assert run("docs", "errors").code == 0


def test_errors_page_has_the_exit_codes() -> None:
    """What the page says about exit codes is what the command line does."""
    text = (DOCS / "errors.md").read_text("utf-8")
    sections = re.findall(r"^#+ (\w+)\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    known = vars(errors)
    said = {name: re.search(r"Exit\s+code (\d)", body) for name, body in sections if name in known}
    assert len(said) > 15
    for name, code in said.items():
        raised: type[JobQueueError] = known[name]
        expected = exit_code(raised.__new__(raised))
        assert int(code[1] if code else 1) == expected, name


def test_version(run: Run) -> None:
    """The command tells a bug report what it needs."""
    found = json.loads(run("version", "--json").out)
    assert found["jobqueue"] == jobqueue.__version__
    assert {"python", "redis", "psycopg", "sqlalchemy"} <= set(found)
    assert run("version").out.startswith("NAME ")
