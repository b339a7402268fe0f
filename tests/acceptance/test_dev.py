"""``jobqueue dev``: a whole installation in one terminal, and none of it afterwards."""

import os
import shlex
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobqueue import JobNotFound, JobQueue
from jobqueue.cli.dev import FOLDER
from jobqueue.cli.reload import is_source
from jobqueue.embedded import ValkeyServer
from jobqueue.settings import load
from tests.acceptance.projects import Project
from tests.support import wait_until_sync

SECONDS = 20.0  # "within seconds", on a busy machine

CODE = """
import time
from jobqueue import JobQueue

app = JobQueue()

@app.job()
def answer() -> str:
    return "VERSION"

@app.job()
def stubborn() -> None:
    print("stubborn begins")
    time.sleep(600)
"""


@pytest.fixture
def project(tmp_path: Path, judge: Callable[[str], None]) -> Iterator[Project]:
    """A project with one module, ``shop.py``; its data is judged when it has ended."""
    made = Project(tmp_path)
    write(made, "one")
    yield made
    made.end()
    if (tmp_path / FOLDER).exists():
        with ValkeyServer(tmp_path / FOLDER) as server:
            judge(server.url)


def write(project: Project, version: str) -> None:
    """Write the project's code as an editor does: another file takes the place of the old one."""
    new = project.folder / "shop.py~"
    new.write_text(CODE.replace("VERSION", version))
    new.replace(project.folder / "shop.py")


def client(project: Project) -> JobQueue:
    """Return an app with the addresses that ``jobqueue dev`` has printed."""
    exports = [shlex.split(line) for line in project.out.splitlines() if "export" in line]
    variables = dict(words[1].split("=", 1) for words in exports)
    return JobQueue(settings=load(environ=variables, project_dir=project.folder))


def answer(project: Project) -> str:
    """Run a job and return its result."""
    with client(project) as app:
        return str(app.ref("answer").enqueue_sync().result_sync(60))


def test_runs_reloads_and_stops(project: Project) -> None:
    """Jobs run; new code takes over; code that does not import does not; Ctrl-C ends all."""
    project.jobqueue("dev", "shop:app")
    project.expect("Ctrl-C ends everything")
    assert "Queues    all that its jobs name" in project.out
    assert answer(project) == "one"
    write(project, "two")
    project.expect("shop.py changed")
    wait_until_sync(lambda: answer(project) == "two", description="new code", deadline=60)
    (project.folder / "shop.py").write_text("def broken(:\n")
    project.expect("the code from before goes on running")
    assert "importing shop failed at shop.py:1: SyntaxError" in project.err
    assert answer(project) == "two"
    project.send(signal.SIGINT)
    assert project.wait(SECONDS) == 0
    assert project.left() == []
    assert (project.folder / ".jobqueue" / ".gitignore").read_text() == "*\n"


def test_kill_leaves_no_process_and_all_data(project: Project) -> None:
    """``kill -9`` ends everything else too; the next start knows the jobs, ``--fresh`` does not."""
    project.jobqueue("dev", "shop:app")
    project.expect("Ctrl-C ends everything")
    with client(project) as app:
        job = app.ref("answer").options(delay=3600).enqueue_sync()
    project.send(signal.SIGKILL)
    project.wait()
    project.gone()
    project.jobqueue("dev", "shop:app")
    project.expect("Ctrl-C ends everything")
    with client(project) as app:
        [found] = app.find_sync(job.id)
        assert found.name == "answer"
    project.send(signal.SIGTERM)
    assert project.wait(SECONDS) == 0
    assert project.left() == []
    project.jobqueue("dev", "--fresh", "shop:app")
    project.expect("Ctrl-C ends everything")
    with client(project) as app, pytest.raises(JobNotFound):
        app.find_sync(job.id)


def test_server_dies(project: Project) -> None:
    """A server that was killed is started again, and loses nothing."""
    project.jobqueue("dev", "shop:app")
    project.expect("Ctrl-C ends everything")
    assert answer(project) == "one"
    os.kill(project.find("valkey-server"), signal.SIGKILL)
    project.expect("valkey ended; starting it again")
    assert answer(project) == "one"


def test_handler_that_does_not_end(project: Project) -> None:
    """Ctrl-C waits for nobody longer than seconds."""
    project.jobqueue("dev", "shop:app", "--grace", "1s")
    project.expect("Ctrl-C ends everything")
    with client(project) as app:
        app.ref("stubborn").enqueue_sync()
    project.expect("stubborn begins")
    project.send(signal.SIGINT)
    assert project.wait(SECONDS) == 0
    assert project.left() == []


def test_app_that_does_not_import(project: Project) -> None:
    """One line says where and why; nothing keeps running."""
    (project.folder / "shop.py").write_text("import no_such_package\n")
    project.jobqueue("dev", "shop:app")
    assert project.wait() == 2
    assert project.err == (
        "jobqueue: app shop:app: importing shop failed at shop.py:1: "
        "ModuleNotFoundError: No module named 'no_such_package'\n"
    )
    assert project.left() == []


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "app is not set"),
        (("shoop:app",), "there is no module 'shoop'"),
    ],
)
def test_wrong_call(project: Project, arguments: tuple[str, ...], problem: str) -> None:
    """A call that can't be meant is refused before anything is made."""
    project.jobqueue("dev", *arguments)
    assert project.wait() == 2
    assert problem in project.err
    assert project.err.count("\n") == 1
    assert not (project.folder / ".jobqueue").exists()


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("shop.py", True),
        ("shop/email/send.py", True),
        ("shop.pyc", False),
        ("shop.py~", False),
        (".jobqueue/anything.py", False),
        (".venv/lib/other.py", False),
        ("venv/lib/python3.11/site-packages/other.py", False),
    ],
)
def test_which_files_count(path: str, own: bool) -> None:
    """The project's Python files do; those of its environment, its tools and our data do not."""
    assert is_source(Path(path)) is own


def test_without_the_extra(project: Project) -> None:
    """One line says what to install."""
    hiding = project.folder / "hiding"
    hiding.mkdir()
    (hiding / "watchfiles.py").write_text("raise ImportError\n")
    project.variables["PYTHONPATH"] = str(hiding)
    project.jobqueue("dev", "shop:app")
    assert project.wait() == 2
    assert project.err == "jobqueue: watchfiles is missing: install jobqueue[embedded]\n"
    assert not (project.folder / ".jobqueue").exists()
