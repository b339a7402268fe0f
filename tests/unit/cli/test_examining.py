"""``doctor``, ``check`` and ``top`` without a server: what they refuse, and where they guess."""

import sys
from pathlib import Path

import pytest

from jobqueue.client import checkup
from jobqueue.domain.checkup.facts import Platform

from .conftest import Run

APP = "from jobqueue import JobQueue\napp = JobQueue()\n@app.job()\ndef one(): pass\n"


@pytest.mark.parametrize("command", ["doctor", "top"])
def test_without_a_url(run: Run, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No server is guessed: the line says how to name one."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    ended = run(command)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("jobqueue: redis_url is not set: give --redis-url")


def test_a_screen_without_a_terminal(run: Run) -> None:
    """A pipe gets no escape sequences, but the command that needs no terminal."""
    ended = run("top", "--redis-url", "redis://host")
    assert (ended.code, ended.out) == (2, "")
    assert "jobqueue queues --watch" in ended.err


def test_a_screen_without_the_extra(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line says what to install."""
    monkeypatch.delitem(sys.modules, "jobqueue.cli.screen.top", raising=False)
    monkeypatch.setitem(sys.modules, "textual", None)
    ended = run("top", "--redis-url", "redis://host")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "jobqueue: textual is missing: install jobqueue[tui]\n"


def test_check_needs_no_server(run: Run, tmp_path: Path) -> None:
    """What is asked of the code alone connects to nothing; --live needs a URL."""
    (tmp_path / "checked.py").write_text(APP)
    ended = run("check", "checked:app")
    assert (ended.code, ended.out) == (0, "1 job declared, 0 problems\n")
    assert run("check", "checked:app", "--live").code == 2
    assert run("check").code == 2


@pytest.mark.parametrize(
    ("variable", "name", "grace"),
    [("KUBERNETES_SERVICE_HOST", "Kubernetes", 30.0), ("INVOCATION_ID", "systemd", 90.0)],
)
def test_the_platform_is_guessed(
    variable: str, name: str, grace: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each leaves a mark, and has a default; who says how long it waits is believed."""
    monkeypatch.setattr(checkup, "DOCKER", Path("/nowhere"))
    found = checkup.platform(None, {variable: "x"})
    assert found is not None
    assert (found.name, found.grace, found.certain) == (name, grace, False)
    given = checkup.platform(7.0, {variable: "x"})
    assert given is not None
    assert (given.grace, given.certain) == (7.0, True)


def test_docker_and_no_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container has a file in its root; elsewhere nothing is known."""
    monkeypatch.setattr(checkup, "DOCKER", tmp_path)
    assert isinstance(found := checkup.platform(None, {}), Platform)
    assert found.name == "Docker"
    monkeypatch.setattr(checkup, "DOCKER", tmp_path / "none")
    assert checkup.platform(None, {}) is None
