"""``--processes N``: workers are kept alive, told to stop, and never outlive their supervisor."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import stub_worker
from tests.support.waiting import DEADLINE, wait_until_sync

SUPERVISOR = """
import sys
from jobqueue.worker import supervisor
sys.exit(supervisor.supervise(sys.argv[2:], int(sys.argv[1])))
"""
READY = "leader True, lifeline False"

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a supervisor of two stub workers; whatever is left at the end is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*options: str, program: str = sys.executable) -> subprocess.Popen[bytes]:
        stub = [program, stub_worker.__file__, str(tmp_path), *options]
        command = [sys.executable, "-c", SUPERVISOR, "2", *stub]
        started.append(subprocess.Popen(command))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def notes(folder: Path) -> dict[int, list[str]]:
    """Return what each worker has noted, by pid."""
    return {int(path.name): path.read_text().splitlines() for path in folder.iterdir()}


def ready(folder: Path, count: int = 2) -> list[int]:
    """Wait until so many workers have been ready; return their pids."""
    return (
        wait_until_sync(
            lambda: (
                len(pids := [p for p, words in notes(folder).items() if READY in words]) >= count
                and pids
            ),
            description=f"{count} workers are ready",
        )
        or []
    )


def count(folder: Path, word: str) -> int:
    """Return how often workers have noted ``word``."""
    return sum(words.count(word) for words in notes(folder).values())


def test_stops_all(start: Start, tmp_path: Path) -> None:
    """One SIGTERM stops every worker, each in a session of its own; the exit code is 0."""
    supervisor = start()
    ready(tmp_path)
    supervisor.terminate()
    assert supervisor.wait(DEADLINE) == 0
    assert count(tmp_path, "term") == 2


def test_second_signal(start: Start, tmp_path: Path) -> None:
    """Each signal is handed on once: workers that wait after the first hear of the second."""
    supervisor = start("--terms=2")
    ready(tmp_path)
    supervisor.send_signal(signal.SIGINT)
    wait_until_sync(lambda: count(tmp_path, "term") == 2, description="both have the first")
    assert supervisor.poll() is None
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(DEADLINE) == 0
    assert count(tmp_path, "term") == 4


def test_dead_worker_is_replaced(start: Start, tmp_path: Path) -> None:
    """A killed worker is started again, and the others never notice."""
    supervisor = start()
    first, second = ready(tmp_path)
    os.kill(first, signal.SIGKILL)
    assert second in ready(tmp_path, 3)
    supervisor.terminate()
    assert supervisor.wait(DEADLINE) == 0
    assert count(tmp_path, "term") == 2


def test_worker_that_ends_by_itself_is_replaced(start: Start, tmp_path: Path) -> None:
    """Stopping one worker by hand makes room for a new one."""
    supervisor = start()
    os.kill(ready(tmp_path)[0], signal.SIGTERM)
    ready(tmp_path, 3)
    supervisor.terminate()
    assert supervisor.wait(DEADLINE) == 0


def test_quiet(start: Start, tmp_path: Path) -> None:
    """SIGTSTP is handed on as it is, and a worker that ends then is not replaced."""
    supervisor = start()
    first, second = ready(tmp_path)
    supervisor.send_signal(signal.SIGTSTP)
    wait_until_sync(lambda: count(tmp_path, "quiet") == 2, description="both are quiet")
    os.kill(first, signal.SIGTERM)
    os.kill(second, signal.SIGTERM)
    assert supervisor.wait(DEADLINE) == 0
    assert len(notes(tmp_path)) == 2


@pytest.mark.parametrize("code", [1, 2, 5])
def test_gives_up(start: Start, tmp_path: Path, code: int) -> None:
    """Workers that never start end the supervisor with their own exit code, soon."""
    supervisor = start("--bad-starts=100", f"--bad-code={code}")
    assert supervisor.wait(DEADLINE) == code
    assert 3 <= len(notes(tmp_path)) <= 4


def test_gives_up_without_a_program(start: Start) -> None:
    """A program that is not there counts as a start that failed."""
    assert start(program="/no/such/program").wait(DEADLINE) == 1


def test_crashes_are_no_failed_starts(start: Start, tmp_path: Path) -> None:
    """Jobs that kill their worker again and again don't end the supervisor."""
    supervisor = start("--bad-starts=5", "--bad-code=-9")
    ready(tmp_path)
    supervisor.terminate()
    assert supervisor.wait(DEADLINE) == 0


@pytest.mark.parametrize("begins", [1, 5])
def test_errors_after_the_beginning(start: Start, tmp_path: Path, begins: int) -> None:
    """A worker that began has proven that workers start: all that follow are replaced."""
    supervisor = start("--bad-starts=5", "--bad-code=3", f"--begins={begins}")
    ready(tmp_path)
    supervisor.terminate()
    assert supervisor.wait(DEADLINE) == 0


def test_another_has_begun(start: Start, tmp_path: Path) -> None:
    """While one works, errors at the start of another are waited out: Redis may be away."""
    supervisor = start("--good-starts=1", "--bad-starts=5", "--bad-code=5")
    ready(tmp_path)
    supervisor.terminate()
    assert supervisor.wait(DEADLINE) == 0


def test_exit_code_of_a_worker(start: Start, tmp_path: Path) -> None:
    """A worker that fails while it stops gives its exit code."""
    supervisor = start("--code=3")
    ready(tmp_path)
    supervisor.terminate()
    assert supervisor.wait(DEADLINE) == 3


def test_exit_code_of_a_killed_worker(start: Start, tmp_path: Path) -> None:
    """A worker that is killed while it stops gives 128 and the signal's number."""
    supervisor = start("--terms=2")
    first, second = ready(tmp_path)
    supervisor.terminate()
    wait_until_sync(lambda: count(tmp_path, "term") == 2, description="both are stopping")
    os.kill(first, signal.SIGKILL)
    os.kill(second, signal.SIGTERM)
    assert supervisor.wait(DEADLINE) == 128 + signal.SIGKILL


def test_stopped_before_it_is_ready(start: Start, tmp_path: Path) -> None:
    """A worker that has not got as far as its signal handlers ends in order all the same."""
    supervisor = start()
    wait_until_sync(lambda: notes(tmp_path), description="one is born")
    supervisor.terminate()
    assert supervisor.wait(DEADLINE) == 0


def test_dies_with_its_supervisor(start: Start, tmp_path: Path) -> None:
    """``kill -9`` of the supervisor stops every worker in order."""
    supervisor = start()
    ready(tmp_path)
    supervisor.kill()
    wait_until_sync(lambda: count(tmp_path, "term") == 2, description="both have stopped")
