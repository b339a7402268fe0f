"""The demo: it ends well, it finds what is wrong, and it leaves nothing behind."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.demonstration import checks, library, questions
from tests.acceptance.projects import ROOT, Project

pytestmark = pytest.mark.keys_not_judged("the demo removes its data before it ends")

LAST = re.compile(
    r"demo: (\d+) jobs, (\d+) succeeded, (\d+) dead letters, (\d+) history rows, "
    r"(\d+) lost, (\d+) doubled"
)
LONGEST = 170.0  # seconds, on a machine that runs other tests at the same time


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A folder where the demo runs, with addresses in the environment that nobody may use."""
    made = Project(tmp_path)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "pyproject.toml").write_text('[tool.jobqueue]\nprefix = "not-the-demo"\n')
    made.variables = {
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(tmp_path / "tmp"),
        "JOBQUEUE_REDIS_URL": "redis://127.0.0.1:1",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    }
    yield made
    made.end()


def start(project: Project) -> None:
    """Start the demo as ``scripts/demo`` does when everything is installed."""
    project.start(sys.executable, "-P", "-m", "scripts.demonstration")


def test_whole(project: Project) -> None:
    """Every check holds, the numbers fit together, and nothing is left."""
    start(project)
    assert project.wait(LONGEST) == 0, project
    lines = project.out.splitlines()
    last = LAST.fullmatch(lines[-1])
    assert last, project
    jobs, succeeded, dead, rows, lost, doubled = map(int, last.groups())
    files = len(library.sources(project.folder))
    assert jobs > files + 2  # the schedule has fired at least once
    assert (succeeded + dead, lost, doubled) == (jobs, 0, 0)
    # Two retries of each dead letter and of the flaky job, and what the killed worker held.
    assert rows > jobs + 2 * (dead + 1)
    assert "✗" not in project.out
    assert "\x1b" not in project.out
    assert max(map(len, lines[:-1])) <= 80
    assert project.err == ""
    assert (project.left(), list((project.folder / "tmp").iterdir())) == ([], [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(project: Project, number: signal.Signals) -> None:
    """Ctrl-C in the middle ends everything within seconds."""
    start(project)
    project.expect("a scheduler and two workers have been started")
    project.send(number)
    assert project.wait() == 130
    assert project.out.splitlines()[-1] == "demo: stopped; nothing is left running"
    assert (project.left(), list((project.folder / "tmp").iterdir())) == ([], [])


def test_killed(project: Project) -> None:
    """``kill -9`` of the demo ends its servers and services too."""
    start(project)
    project.expect("a scheduler and two workers have been started")
    project.send(signal.SIGKILL)
    project.wait()
    project.gone()


def test_arguments_are_refused() -> None:
    """It has no options; one that is meant for another script is not swallowed."""
    command = [str(ROOT / "scripts" / "demo"), "--unit"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")


class Told:
    """A history that says what the test wants."""

    def __init__(self, jobs: list[Any], dead: int = 0) -> None:
        self._answers = {questions.JOBS: jobs, questions.DEAD: [None] * dead}

    def ask(self, question: str) -> list[Any]:
        """Answer a question."""
        return self._answers[question]


def row(job_id: str, **more: Any) -> SimpleNamespace:
    """Return what the history says of a job that simply succeeded."""
    usual = {"rows": 1, "final": 1, "succeeded": 1, "tick": job_id.startswith("tick")}
    return SimpleNamespace(job_id=job_id, **usual | more)


GOOD = [row("a"), row("b", rows=3), row("tick@1")]


@pytest.mark.parametrize(
    ("jobs", "lost", "doubled"),
    [
        (GOOD, 0, 0),
        ([row("a"), row("tick@1")], 1, 0),
        ([*GOOD[:2]], 1, 0),
        ([row("a", final=0), *GOOD[1:]], 1, 0),
        ([*GOOD[:2], row("tick@1", final=0)], 1, 0),
        ([row("a", rows=2, final=2), *GOOD[1:]], 0, 1),
        ([row("a", rows=2, succeeded=2), *GOOD[1:]], 0, 1),
        ([*GOOD, row("stranger")], 0, 1),
    ],
    ids=[
        "good", "no row", "no tick", "no final row", "no final row of a tick",
        "two final rows", "two successes", "a job that nobody enqueued",
    ],
)  # fmt: skip
def test_finds_lost_and_doubled(jobs: list[Any], lost: int, doubled: int) -> None:
    """Each way of losing or doubling a job shows in the last line, and fails the demo."""
    known = checks.Known(frozenset({"a", "b"}), frozenset(), ticks=1, left=0)
    sums = checks.totals(Told(jobs), known)  # type: ignore[arg-type]
    assert (sums.lost, sums.doubled, sums.good) == (lost, doubled, not lost + doubled)
    assert LAST.fullmatch(str(sums))


def test_broken_files_are_made_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library without tests gets files of both kinds; each really fails, in its own way."""
    bare = tmp_path / "library"
    bare.mkdir()
    (bare / "fine.py").write_text("x = 1\n")
    monkeypatch.setattr(library, "ROOT", bare)
    made = [each.path for each in library.sources(tmp_path)]
    assert sorted(str(library.failure(path)) for path in made) == [
        "None", "encoding", "encoding", "syntax", "syntax",
    ]  # fmt: skip
    (bare / "bad_syntax.py").write_text("def broken(:\n")
    (bare / "bad_encoding.py").write_bytes(b"x = '\xff'\n")
    assert len(library.sources(tmp_path)) == 3
