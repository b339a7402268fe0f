"""``worker``, ``scheduler`` and ``recorder``: what they refuse, and what ``--processes`` runs."""

import sys
from pathlib import Path

import pytest

from jobqueue.cli.context import Cli
from jobqueue.cli.worker import _command

from .conftest import Run

NOWHERE = ("--redis-url", "redis://127.0.0.1:1")


@pytest.mark.parametrize("command", ["worker", "scheduler", "recorder"])
def test_windows(run: Run, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """Where signals are missing a service says so in one line."""
    monkeypatch.setattr(sys, "platform", "win32")
    ended = run(command)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        f"jobqueue: `jobqueue {command}` runs on Linux and macOS; "
        "on Windows use WSL or a container\n"
    )


@pytest.mark.parametrize("processes", ["1", "2"])
def test_worker_without_an_app(run: Run, processes: str) -> None:
    """The line says how to name one, once, however many processes were to run."""
    ended = run("worker", *NOWHERE, "--processes", processes)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "jobqueue: app is not set: give --app, set JOBQUEUE_APP, "
        "or write app under [tool.jobqueue] in pyproject.toml\n"
    )


def test_the_app_of_a_project(run: Run, tmp_path: Path) -> None:
    """A bare ``jobqueue worker`` runs the configured app; what stands behind it wins."""
    (tmp_path / "pyproject.toml").write_text('[tool.jobqueue]\napp = "shop_one:app"\n')
    assert "app shop_one:app: there is no module" in run("worker", *NOWHERE).err
    assert "app shop_two:app: there is no module" in run("worker", "shop_two:app", *NOWHERE).err


def test_the_app_of_a_folder_above(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder of a project its app is found beside the file that names it."""
    (tmp_path / "pyproject.toml").write_text('[tool.jobqueue]\napp = "shop_above:app"\n')
    (tmp_path / "shop_above.py").write_text("raise LookupError('it was found')\n")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert "LookupError: it was found" in run("worker", *NOWHERE).err
    (tmp_path / "shop_above.py").unlink()
    assert f"in {tmp_path / 'below'} or {tmp_path} or on Python's path" in (
        run("worker", *NOWHERE).err
    )


@pytest.mark.parametrize(
    ("queues", "problem"),
    [
        ("a:6,b", "'a:6,b' gives weights to some only; write a,b or a:6,b:3"),
        ("a,b c", "'b c' can't name a queue"),
        (",", "'' can't name a queue"),
    ],
)
def test_wrong_queues(run: Run, queues: str, problem: str) -> None:
    """A list of queues that can't be is refused before anything is loaded."""
    ended = run("worker", "shop:app", *NOWHERE, "--queues", queues)
    assert ended.code == 2
    assert ended.err.startswith(f"jobqueue: queues (command line): {problem}")


def test_bounds_of_queues(run: Run) -> None:
    """A worker takes them as a flag, and refuses what is no number."""
    ended = run("worker", "shop:app", *NOWHERE, "--queue-concurrency", "bulk=many")
    assert ended.code == 2
    assert ended.err.startswith("jobqueue: queue_concurrency (command line): 'many'")


def test_recorder_without_a_database(run: Run) -> None:
    """A recorder has nothing to do without one."""
    ended = run("recorder", *NOWHERE)
    assert ended.code == 2
    assert ended.err.startswith("jobqueue: database_url is not set: ")


def test_one_of_several_processes(tmp_path: Path) -> None:
    """It is called like the whole: same app, flags and file, but as one worker."""
    file = tmp_path / "queue.toml"
    file.write_text("grace = 5\n")
    cli = Cli({"app": "shop:app", "lease": "30s", "processes": "4"}, file)
    program, *words = _command(cli)
    assert program == sys.executable
    assert words[:6] == ["-P", "-m", "jobqueue", "worker", "--app", "shop:app"]
    assert words[6:-2] == ["--lease", "30s", "--processes", "4", "--config", str(file)]
    assert words[-2:] == ["--processes", "1"]
