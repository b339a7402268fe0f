"""The fault suite in a short form: real processes, most faults, every oracle."""

import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.projects import ROOT, Project

pytestmark = pytest.mark.keys_not_judged("an oracle of the suite does it while its servers run")

LAST = re.compile(
    r"chaos: (\d+) jobs, (\d+) faults, (\d+) lost, (\d+) second deliveries, (\d+) unexplained"
)
PATIENCE = 170.0  # seconds; after 180 the test is ended as one that hangs


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A folder from which the suite is run, and which it leaves as it was."""
    made = Project(tmp_path)
    made.variables |= {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    yield made
    made.end()


def chaos(project: Project, *arguments: str) -> None:
    """Run the suite to its end."""
    project.start(sys.executable, "-P", "-m", "scripts.faults", *arguments)


@pytest.mark.parametrize("seed", ["1", "4"])  # together they have every fault
def test_everything_survives(project: Project, seed: str) -> None:
    """Faults of every kind, three at a time: nothing is lost, and every oracle holds."""
    chaos(project, "--jobs", "700", "--seconds", "45", "--seed", seed)
    assert project.wait(PATIENCE) == 0, project.out
    found = LAST.fullmatch(project.out.splitlines()[-1])
    assert found, project.out
    jobs, faults, lost, _second, unexplained = map(int, found.groups())
    assert (lost, unexplained) == (0, 0)
    assert jobs > 600
    assert faults >= 10
    project.gone()


def test_list(project: Project) -> None:
    """Every fault has a name and says what it does."""
    chaos(project, "--list")
    assert project.wait() == 0
    names = [line.split()[0] for line in project.out.splitlines()[1:]]
    assert {"kill-worker", "redis-stall", "disk-full", "mixed-versions"} <= set(names)


def test_an_interrupt_leaves_nothing_running(project: Project) -> None:
    """Ctrl-C ends every process, also one that a fault has just stopped."""
    chaos(project, "--fault", "pause-worker", "--jobs", "50", "--seconds", "60")
    project.expect("the producer enqueues")
    project.send(signal.SIGINT)
    assert project.wait() == 130
    assert "nothing is left running" in project.out
    project.gone()
