"""Commands that change jobs, queues and workers: wrong calls, and what nobody can be asked."""

import pytest

from .conftest import Run

SERVER = ("--redis-url", "redis://127.0.0.1:1")
ASK = "Invalid value for --yes: nobody can be asked here; give --yes"


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (["jobs", "cancel"], "Invalid value for ID: give an id, or --queue, --name or --tag"),
        (["jobs", "cancel", "a", "--tag", "t"], "Invalid value for --name, --tag, --dry-run: the"),
        (["jobs", "cancel", "a", "--dry-run"], "Invalid value for --name, --tag, --dry-run: the"),
        (["jobs", "cancel", "--tag", "t"], ASK),
        (["jobs", "cancel", "--name", "a b", "--yes"], "name: 'a b' can't name a job"),
        (["jobs", "delete", "a"], ASK),
        (["jobs", "priority", "a", "hihg"], "priority: 'hihg' is none; did you mean 'high'?"),
        (["jobs", "run-now", "two words"], "job_id: 'two words' can't be an id"),
        (["jobs", "reenqueue", "a", "--delay", "soon"], "delay: 'soon' is not understood"),
        (["pause"], "Invalid value for QUEUE: give one of QUEUE, --all and --worker"),
        (["pause", "a", "--all"], "Invalid value for QUEUE: give one of QUEUE, --all and --worker"),
        (["resume", "--all", "--worker", "w"], "Invalid value for QUEUE: give one of QUEUE, --al"),
        (["resume", "a b"], "queue: 'a b' can't name a queue"),
        (["purge", "a"], ASK),
        (["purge", "a", "--priority", "x", "--yes"], "priority: 'x' is none"),
    ],
)
def test_wrong_calls(run: Run, call: list[str], line: str) -> None:
    """One line says what is wrong, with exit code 2; no server is asked."""
    ended = run(*SERVER, *call)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"jobqueue: {line}")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    "call",
    [
        ["jobs", "cancel", "--tag", "t", "--yes"],
        ["jobs", "delete", "a", "--yes"],
        ["jobs", "priority", "a", "high"],
        ["pause", "--all"],
        ["quiet", "w"],
        ["pauses"],
        ["purge", "a", "--dry-run"],
    ],
)
def test_away(run: Run, call: list[str]) -> None:
    """Without Redis nothing is done, with exit code 5."""
    ended = run(*SERVER, *call)
    assert (ended.code, ended.out) == (5, "")
    assert ended.err.count("\n") == 1
