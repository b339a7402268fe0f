"""Jobs that kill whatever runs them end as dead letters that say how, with what memory, and when.

The lease leaves the process that replaces a dead one time to tell of it.
"""

import re

import pytest

from tests.acceptance.system import System

FLAGS = ("--lease", "10", "--crash-budget", "2")
MEMORY = r"memory \d+ MiB, progress 40% resizing"


def letter(system: System, name: str, deadline: float) -> str:
    """Let a job do its work; return the text of its dead letter, which people see as well."""
    job_id = system.enqueue(name)
    system.finals(1, deadline)
    [found] = system.ask("dlq", "list")
    assert found["job_id"] == job_id
    text: str = found["error_message"]
    assert "progress 40%" in system.run("dlq", "list").out
    shown = system.run("jobs", "show", job_id).out
    assert text in shown
    return text


@pytest.mark.parametrize(
    ("name", "words"), [("kill", "killed by SIGKILL"), ("leave", "ended with exit code 3")]
)
def test_with_a_supervisor(system: System, name: str, words: str) -> None:
    """It knows the signal and the exit code, and tells by the process that follows."""
    system.scheduler()
    system.worker("poison", "--processes", "2", *FLAGS)
    text = letter(system, name, deadline=90)
    assert re.fullmatch(rf"{words} \({MEMORY}\): worker \S+", text)


def test_the_supervisor_lives(system: System) -> None:
    """However soon jobs kill their workers, there are new ones, and their end is logged."""
    system.scheduler()
    supervisor = system.worker("poison", "--processes", "2", "--lease", "2")
    for count in (1, 2):
        job_id = system.enqueue("leave")
        system.finals(count, deadline=90)
        assert system.rows("job_id = %s", job_id)[-1]["reason"] == "worker_lost"
    ends = [line for line in supervisor.events if line["event"] == "worker process ended"]
    assert {line["how"] for line in ends} == {"ended with exit code 3"}
    assert supervisor.stop() == 0


def test_without_a_supervisor(system: System) -> None:
    """Whoever takes the job back knows what the worker has said last."""
    system.scheduler()
    system.worker("poison", *FLAGS)
    system.worker("poison", *FLAGS)
    job_id = system.enqueue("kill")
    system.noted(2, deadline=90)
    system.worker("poison", *FLAGS)
    [row] = system.finals(1, deadline=90)
    assert (row["job_id"], row["reason"], row["crashes"]) == (job_id, "worker_lost", 2)
    assert re.fullmatch(rf"died or lost its lease \({MEMORY}\): worker \S+", row["error_message"])


def test_a_child(system: System) -> None:
    """A child's death is an attempt; the last one's words are in the dead letter."""
    system.scheduler()
    system.worker("poison", *FLAGS)
    text = letter(system, "kill_child", deadline=90)
    assert re.match(r"killed by SIGKILL \(memory (below )?\d+ MiB, progress 40% resizing\)", text)
    rows = system.rows()
    assert [row["outcome"] for row in rows] == ["failed", "failed"]
