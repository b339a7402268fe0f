"""``jobqueue config`` and the flags that every command shares."""

import json
from pathlib import Path

import pytest

from jobqueue.settings import SETTINGS

from .conftest import Run

URL = "redis://user:secret@host:6379/0"


def row(text: str, name: str) -> list[str]:
    """Return the cells of a setting's line."""
    return next(line.split(maxsplit=2) for line in text.splitlines() if line.startswith(f"{name} "))


def test_every_setting_is_listed(run: Run) -> None:
    """The table has each setting once, unset ones with a dash."""
    ended = run("config")
    assert (ended.code, ended.err) == (0, "")
    first, *lines = ended.out.splitlines()
    assert first.split() == ["SETTING", "VALUE", "FROM"]
    assert [line.split()[0] for line in lines] == list(SETTINGS)
    assert row(ended.out, "app") == ["app", "-", "default"]
    assert row(ended.out, "history_retention") == ["history_retention", "90d", "default"]


def test_sources(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each value says which flag, variable or file it came from."""
    (tmp_path / "pyproject.toml").write_text("[tool.jobqueue]\nlease = 20\n")
    (tmp_path / "queue.toml").write_text("grace = '1m'\n")
    monkeypatch.setenv("JOBQUEUE_RETRIES", "5")
    monkeypatch.setenv("DATABASE_URL", "postgresql://host/db")
    out = run("config", "--config", "queue.toml", "--prefix", "shop").out
    assert row(out, "prefix") == ["prefix", "shop", "command line"]
    assert row(out, "retries") == ["retries", "5", "JOBQUEUE_RETRIES"]
    assert row(out, "database_url") == ["database_url", "postgresql://host/db", "DATABASE_URL"]
    assert row(out, "grace") == ["grace", "1m", str(tmp_path / "queue.toml")]
    assert row(out, "lease") == ["lease", "20s", str(tmp_path / "pyproject.toml")]


def test_json(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs get typed values: seconds, bytes, lists, null."""
    monkeypatch.setenv("JOBQUEUE_QUEUES", "a,b")
    found = json.loads(run("config", "--json").out)
    assert list(found) == list(SETTINGS)
    assert found["lease"] == {"value": 15.0, "from": "default"}
    assert found["max_result"]["value"] == 65_536
    assert found["queues"] == {"value": ["a", "b"], "from": "JOBQUEUE_QUEUES"}
    assert found["app"]["value"] is None


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_passwords_are_hidden(
    run: Run, monkeypatch: pytest.MonkeyPatch, form: tuple[str, ...]
) -> None:
    """Neither form shows a password, wherever it came from."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:secret@host/db")
    ended = run("config", "--redis-url", URL, *form)
    assert "redis://user:***@host:6379/0" in ended.out
    assert "secret" not in ended.out + ended.err


def test_unknown_variable_is_a_warning(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt variable is reported beside the result."""
    monkeypatch.setenv("JOBQUEUE_LESE", "20")
    ended = run("config", "--json")
    assert ended.code == 0
    assert json.loads(ended.out)
    assert ended.err == (
        "jobqueue: warning: variable 'JOBQUEUE_LESE' is no setting; "
        "did you mean 'JOBQUEUE_LEASE'?\n"
    )


def test_flags_before_the_command(run: Run) -> None:
    """Global flags hold for the command; those after it win."""
    out = run("--json", "--prefix", "a", "--app", "m:x", "config", "--prefix", "b").out
    found = json.loads(out)
    assert (found["prefix"]["value"], found["app"]["value"]) == ("b", "m:x")


def test_config_before_the_command(run: Run, tmp_path: Path) -> None:
    """``--config`` may stand before the command too."""
    (tmp_path / "queue.toml").write_text("lease = 20\n")
    assert row(run("--config", "queue.toml", "config").out, "lease")[1] == "20s"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--prefix", "{"],
            "prefix (command line): '{' can't begin a key: 1 to 64 of letters, digits and '_.:/-'",
        ),
        (
            ["--log-level", "inof"],
            "log_level (command line): 'inof' is unknown; did you mean 'info'?",
        ),
        (
            ["--config", "nowhere.toml"],
            "nowhere.toml can't be read: No such file or directory",
        ),
        (
            ["--redis-url", ""],
            "redis_url (command line): this is no URL; write redis://user:password@host:6379/0",
        ),
    ],
)
def test_refusals(run: Run, arguments: list[str], line: str) -> None:
    """A wrong value is one line without traceback, and exit code 2."""
    ended = run("config", *arguments)
    assert (ended.code, ended.out, ended.err) == (2, "", f"jobqueue: {line}\n")


def test_debug_shows_the_traceback(run: Run) -> None:
    """At log level debug the line comes after the traceback."""
    ended = run("config", "--log-level", "debug", "--prefix", "{")
    first, *_, last = ended.err.splitlines()
    assert (ended.code, first) == (2, "Traceback (most recent call last):")
    assert last.startswith("jobqueue: prefix (command line)")


def test_debug_by_variable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable does the same, although the settings can't be merged."""
    monkeypatch.setenv("JOBQUEUE_LOG_LEVEL", "debug")
    assert "Traceback" in run("config", "--prefix", "{").err
