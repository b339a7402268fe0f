"""Settings in ``--config`` files and in ``pyproject.toml``."""

from pathlib import Path

import pytest

from jobqueue.domain.errors import ConfigurationError
from jobqueue.settings import Settings, load


def from_config(path: Path) -> Settings:
    """Load settings from one file alone."""
    return load(environ={}, config_file=path, project_dir=path.parent)


def refusal(path: Path, text: str | bytes) -> str:
    """Write a configuration file and return the message of the error that it gives."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigurationError) as caught:
        load(environ={}, config_file=path, project_dir=path.parent / "elsewhere")
    return str(caught.value)


def project(folder: Path, text: str) -> Path:
    """Write ``pyproject.toml`` into a new folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(text)
    return folder


def test_values_of_toml(tmp_path: Path) -> None:
    """Numbers, texts with units and lists are all understood."""
    path = tmp_path / "queue.toml"
    path.write_text('lease = 2.5\ngrace = "1m"\nqueues = ["a", "b"]\nmax_result = "1KiB"\n')
    settings = from_config(path)
    assert (settings.lease, settings.grace) == (2.5, 60.0)
    assert (settings.queues, settings.max_result) == (("a", "b"), 1024)
    assert settings.origin("lease") == str(path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("leese = 3", "'leese' is no setting; did you mean 'lease'?"),
        ("redis-url = 'x'", "did you mean 'redis_url'?"),
        ("[worker]\nlease = 3", "`jobqueue config` lists all settings"),
        ("lease = x", "is no valid TOML: Invalid value (at line 1, column 9)"),
        (b"app = '\xff'", "is no valid TOML"),
    ],
)
def test_wrong_files(tmp_path: Path, text: str | bytes, problem: str) -> None:
    """The message names the file and the place or the key."""
    path = tmp_path / "queue.toml"
    message = refusal(path, text)
    assert message.startswith(str(path))
    assert problem in message


@pytest.mark.parametrize(
    "text",
    [
        *("lease = true", "lease = {}", "lease = 2026-01-01", "retries = 1.0", "retries = '+1'"),
        *("app = 5", "queues = 'a b'", "queues = [1]", "max_result = 0.5", "prefix = ''"),
    ],
)
def test_wrong_types(tmp_path: Path, text: str) -> None:
    """A value of another type names the setting and the file."""
    path = tmp_path / "queue.toml"
    assert refusal(path, text).startswith(f"{text.partition(' ')[0]} ({path}): ")


def test_missing_config_file(tmp_path: Path) -> None:
    """A file that was asked for must be there."""
    path = tmp_path / "queue.toml"
    with pytest.raises(ConfigurationError, match=r"queue\.toml can't be read: No such file"):
        from_config(path)


def test_folder_as_config_file(tmp_path: Path) -> None:
    """A folder is no file."""
    with pytest.raises(ConfigurationError, match="can't be read: Is a directory"):
        from_config(tmp_path)


def test_nearest_project(tmp_path: Path) -> None:
    """The nearest file that speaks of jobqueue is read, alone."""
    project(tmp_path, "[tool.jobqueue]\nlease = 7\ngrace = 7\n")
    project(tmp_path / "a", "[tool.jobqueue]\nlease = 8\n")
    project(tmp_path / "a" / "b", '[project]\nname = "other"\n[tool.other]\n')
    folder = tmp_path / "a" / "b" / "c"
    folder.mkdir()
    settings = load(environ={}, project_dir=folder)
    assert (settings.lease, settings.grace) == (8.0, 25.0)
    assert settings.origin("lease") == str(tmp_path / "a" / "pyproject.toml")


def test_working_folder_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder the search begins where the process runs."""
    monkeypatch.chdir(project(tmp_path / "here", "[tool.jobqueue]\nlease = 9\n"))
    assert load(environ={}).lease == 9.0


def test_environment_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an environment that of the process is read."""
    monkeypatch.setenv("JOBQUEUE_LEASE", "9s")
    assert load(project_dir=tmp_path).lease == 9.0


def test_unknown_key_in_project(tmp_path: Path) -> None:
    """A misspelt key names the file and suggests the right one."""
    folder = project(tmp_path, "[tool.jobqueue]\nconcurency = 9\n")
    with pytest.raises(ConfigurationError, match=r"pyproject\.toml: .*did you mean 'concurrency'"):
        load(environ={}, project_dir=folder)


@pytest.mark.parametrize("text", ["[tool]\njobqueue = 3\n", "[[tool.jobqueue]]\nlease = 3\n"])
def test_no_table_in_project(tmp_path: Path, text: str) -> None:
    """``tool.jobqueue`` of another type is an error, not nothing."""
    with pytest.raises(ConfigurationError, match=r"tool\.jobqueue must be a table"):
        load(environ={}, project_dir=project(tmp_path, text))


def test_broken_project(tmp_path: Path) -> None:
    """A file that can't be read as TOML is named."""
    with pytest.raises(ConfigurationError, match=r"pyproject\.toml is no valid TOML"):
        load(environ={}, project_dir=project(tmp_path, "[tool"))


def test_project_with_other_tool(tmp_path: Path) -> None:
    """A strange file of somebody else is passed over."""
    assert load(environ={}, project_dir=project(tmp_path, "tool = 3\n")) == Settings()
