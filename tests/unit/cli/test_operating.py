"""Commands that change jobs, queues and workers: wrong calls, and what nobody can be asked."""

from datetime import datetime
from typing import Any

import pytest

from jobqueue import BrokerUnavailable, JobNotFound, JobPage, JobQueue

from .conftest import Run

SERVER = ("--redis-url", "redis://127.0.0.1:1")
MANY = "it is for all jobs that fit, and ID names one: leave out one of the two"
ASK = "Invalid value for --yes: nobody can be asked here; give --yes"


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (["jobs", "cancel"], "Invalid value for ID: give an id, or --queue, --name or --tag"),
        (["jobs", "cancel", "a", "--tag", "t"], f"Invalid value for --tag: {MANY}"),
        (["jobs", "cancel", "a", "--dry-run"], f"Invalid value for --dry-run: {MANY}"),
        (["jobs", "cancel", "--tag", "t"], ASK),
        (["jobs", "cancel", "--name", "a b", "--yes"], "name: 'a b' can't name a job"),
        (["jobs", "delete", "a"], ASK),
        (["jobs", "priority", "a", "hihg"], "priority: 'hihg' is none; did you mean 'high'?"),
        (["jobs", "run-now", "two words"], "job_id: 'two words' can't be an id"),
        (["jobs", "reenqueue", "a", "--delay", "soon"], "Invalid value for --delay: 'soon' is not"),
        (["pause"], "Invalid value for QUEUE: give one of QUEUE, --all and --worker"),
        (["pause", "a", "--all"], "Invalid value for QUEUE: give one of QUEUE, --all and --worker"),
        (["resume", "--all", "--worker", "w"], "Invalid value for QUEUE: give one of QUEUE, --al"),
        (["resume", "a b"], "queue: 'a b' can't name a queue"),
        (
            ["jobs", "list", "--every", "0", "--watch"],
            "Invalid value for --every: must be longer th",
        ),
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


def test_a_watched_window_moves(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was "10m ago" at the first look is not that at the second."""
    seen: list[datetime] = []

    def look(_: JobQueue, **where: Any) -> Any:
        seen.append(where["since"])
        if len(seen) == 2:
            raise JobNotFound("that is enough")
        return JobPage([], None)

    monkeypatch.setattr(JobQueue, "list_jobs_sync", look)
    run(*SERVER, "jobs", "list", "--since", "10m", "--watch", "--every", "0.2")
    assert seen[0] < seen[1]


def test_pause_comes_first(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue is paused also while nobody can say which queues there are."""
    done = list[str]()

    def away(_app: JobQueue) -> Any:
        raise BrokerUnavailable("away")

    monkeypatch.setattr(JobQueue, "queue_counts_sync", away)
    monkeypatch.setattr(JobQueue, "pause_sync", lambda _app, queue, **_: done.append(queue))
    assert (run(*SERVER, "pause", "a").code, done) == (0, ["a"])
