"""``jobqueue db`` without a server: what it refuses and how it fails."""

from pathlib import Path

import pytest

from .conftest import Run

COMMANDS = ["upgrade", "current", "check", "size"]


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_url(run: Run, command: str) -> None:
    """No server is guessed: the line says how to name one."""
    ended = run("db", command)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "jobqueue: database_url is not set: give --database-url, set JOBQUEUE_DATABASE_URL or "
        "DATABASE_URL, or write database_url under [tool.jobqueue] in pyproject.toml\n"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_unreachable(run: Run, tmp_path: Path, command: str) -> None:
    """A server that is away is one line and exit code 5, without the password."""
    url = f"postgresql://user:secret@/db?host={tmp_path}"
    ended = run("db", command, "--database-url", url)
    assert (ended.code, ended.out) == (5, "")
    assert ended.err.startswith("jobqueue: ")
    assert ended.err.count("\n") == 1
    assert "secret" not in ended.err


def test_wrong_url(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong URL is refused before anything connects, and names its variable."""
    monkeypatch.setenv("DATABASE_URL", "mysql://host/db")
    ended = run("db", "upgrade")
    assert ended.code == 2
    assert ended.err.startswith("jobqueue: database_url (DATABASE_URL): scheme 'mysql' is unknown")
