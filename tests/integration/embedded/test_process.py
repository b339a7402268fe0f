"""A process behind a guard: its end is known, and it ends when it is told to."""

import os
import sys
from pathlib import Path

import pytest

from jobqueue.embedded.process import GuardedProcess, Plan

DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True)"


def start(folder: Path, code: str, *patience: float) -> GuardedProcess:
    """Run Python code."""
    plan = Plan([sys.executable, "-c", code], str(folder), patience=patience or (10.0,))
    return GuardedProcess(plan, os.environ, folder / "log")


@pytest.mark.parametrize(
    ("code", "expected"),
    [("", 0), ("import sys; sys.exit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137)],
)
def test_exit_code(tmp_path: Path, code: str, expected: int) -> None:
    """It is the program's own; a signal counts as a shell counts it."""
    process = start(tmp_path, code)
    assert process.wait() == expected
    assert (process.running, process.code) == (False, expected)
    process.stop()  # of what is gone: fine


def test_stop_and_kill(tmp_path: Path) -> None:
    """``stop`` sends SIGTERM, ``kill`` SIGKILL; both return when it is gone."""
    for end, expected in ((GuardedProcess.stop, 143), (GuardedProcess.kill, 137)):
        process = start(tmp_path, "import time; time.sleep(600)")
        assert process.running
        end(process)
        assert process.code == expected


def test_deaf_process(tmp_path: Path) -> None:
    """One that does not listen is killed when the patience is over."""
    process = start(tmp_path, f"{DEAF}; time.sleep(600)", 0.5)
    while "deaf" not in (tmp_path / "log").read_text():
        assert process.running
    process.stop()
    assert process.code == 137


def test_a_second_word(tmp_path: Path) -> None:
    """One that does not end in time is asked again; a worker then leaves at once."""
    polite = "signal.signal(15, lambda *_: signal.signal(15, signal.SIG_DFL))"
    code = f"import signal, time; {polite}; print('deaf', flush=True)\nwhile True: time.sleep(600)"
    process = start(tmp_path, code, 0.3, 10.0)
    while "deaf" not in (tmp_path / "log").read_text():
        assert process.running
    process.stop()
    assert process.code == 143


def test_two_stop_side_by_side(tmp_path: Path) -> None:
    """``ask_to_stop`` does not wait, and may be repeated."""
    both = [start(tmp_path, "import time; time.sleep(600)") for _ in range(2)]
    for process in both:
        process.ask_to_stop()
        process.ask_to_stop()
    assert [process.wait() for process in both] == [143, 143]
