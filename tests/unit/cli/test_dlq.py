"""``jobqueue dlq`` and ``jobqueue jobs``: wrong calls, without any server."""

import json
from io import StringIO
from typing import Any

import pytest

from jobqueue import JobQueue, RedriveConflict
from jobqueue.domain.letters import Redrive
from jobqueue.domain.views import Retried

from .conftest import Ended, Run

SERVERS = (
    *("--redis-url", "redis://127.0.0.1:1"),
    *("--database-url", "postgresql://nobody@127.0.0.1:1/nothing"),
)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (["dlq", "retry"], "Invalid value for ID: give ids, --all or a filter"),
        (["dlq", "retry", "a", "--all"], "Invalid value for ID: give ids or filters, not both"),
        (["dlq", "retry", "a", "--queue", "b"], "Invalid value for ID: give ids or filters"),
        (["dlq", "retry", "a", "--dry-run"], "Invalid value for --dry-run: only with --all and"),
        (
            ["dlq", "retry", "a", "--canary", "1", "--rate", "1/s"],
            "Invalid value for --rate, --can",
        ),
        (["dlq", "retry", "--all", "--args", "{}"], "Invalid value for --args: give the id of one"),
        (["dlq", "retry", "a", "--args", "{"], "Invalid value for --args: this is no JSON: "),
        (
            ["dlq", "retry", "--all", "--rate", "50"],
            "Invalid value for --rate: '50' is no rate; wr",
        ),
        (["dlq", "retry", "--all", "--rate", "0/s"], "rate: 0; write a whole number from 1"),
        (["dlq", "retry", "--all", "--canary", "0"], "Invalid value for '--canary'"),
        (
            ["dlq", "retry", "--all", "--canary", "9", "--stop-if-failing", "0%"],
            "Invalid value for --stop-if-failing: '0%' is no share; write such as 10%",
        ),
        (
            ["dlq", "retry", "--all", "--canary-timeout", "x"],
            "Invalid value for --canary-timeout: 'x' is",
        ),
        (
            ["dlq", "list", "--since", "2030-01-01"],
            "Invalid value for --since: '2030-01-01' has no t",
        ),
        (
            ["dlq", "list", "--until", "soon"],
            "Invalid value for --until: 'soon' is not understood; write seconds, or such as",
        ),
        (["dlq", "list", "--by", "error", "--after", "x"], "Invalid value for --after: only a"),
        (["dlq", "list", "--by", "error", "--before", "x"], "Invalid value for --after: only a"),
        (["dlq", "list", "--queue", "a b"], "queue: 'a b' can't name a queue"),
        (["dlq", "delete"], "Missing argument 'ID'."),
        (["dlq", "delete", "a"], "Invalid value for --yes: nobody can be asked here; give --yes"),
        (["dlq", "clear", "--all"], "No such option: --all"),
        (["dlq", "clear"], "Invalid value for --yes: nobody can be asked here; give --yes"),
        (["dlq", "retry", "é"], "job_id: 'é' can't be an id"),
        (["dlq", "list", "--limit", "0"], "Invalid value for '--limit'"),
        (["dlq", "list", "--after", "yesterday"], "before: 'yesterday' is no execution id"),
        (["jobs", "show"], "Missing argument 'ID'."),
        (["jobs", "show", "two words"], "job_id: 'two words' can't be an id"),
    ],
)
def test_wrong_calls(run: Run, call: list[str], line: str) -> None:
    """One line says what is wrong, with exit code 2; no server is asked."""
    ended = run(*SERVERS, *call)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"jobqueue: {line}")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    "call",
    [
        ["dlq", "list"],
        ["dlq", "list", "--by", "error"],
        ["dlq", "show", "a"],
        ["dlq", "retry", "a"],
        ["dlq", "retry", "--all", "--dry-run"],
        ["dlq", "delete", "a", "--yes"],
        ["dlq", "clear", "--yes"],
        ["jobs", "show", "a"],
        ["queues"],
    ],
)
def test_servers_are_away(run: Run, call: list[str]) -> None:
    """A server that can't be reached is one line and exit code 5."""
    ended = run(*SERVERS, *call)
    assert (ended.code, ended.out) == (5, "")
    assert ended.err.startswith("jobqueue: ")
    assert ended.err.count("\n") == 1


def test_a_wrong_time_names_both_forms(run: Run) -> None:
    """A time may be written as how long ago, or as itself."""
    ended = run(*SERVERS, "dlq", "list", "--since", "tomorrow")
    assert "such as 15s, 5m, 2h, 90d, or a time such as 2030-01-31T12:00:00Z" in ended.err


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (["--name", "crunhc"], "jobqueue: no open dead letter fits\n"),
        (["--all"], "jobqueue: there is no open dead letter\n"),
    ],
)
def test_nothing_to_retry(
    run: Run, monkeypatch: pytest.MonkeyPatch, call: list[str], said: str
) -> None:
    """Who retries nothing, perhaps by a wrong name, hears of it."""
    monkeypatch.setattr(JobQueue, "retry_all_dead_letters_sync", lambda *_, **__: Redrive(0, ()))
    assert run(*SERVERS, "dlq", "retry", *call) == Ended(0, "", said)


def test_a_retry_is_stopped(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C says how far it has come, and that the rest waits for the same command."""

    def stopped(_: JobQueue, *, report: Any, **__: Any) -> Redrive:
        report(
            [Retried("l1", "j1", "mail", None), Retried("l2", "j2", "mail", RedriveConflict("j2"))]
        )
        report([Retried("l3", "j3", "mail", None)])
        raise KeyboardInterrupt

    monkeypatch.setattr(JobQueue, "retry_all_dead_letters_sync", stopped)
    ended = run(*SERVERS, "dlq", "retry", "--all", "--rate", "1/s")
    assert (ended.code, ended.out) == (130, "j1\nj3\n")
    assert ended.err.endswith("stopped: 2 put back; repeat the command for the others\n")
    printed = run(*SERVERS, "dlq", "retry", "--all", "--json")
    assert (printed.code, len(json.loads(printed.out))) == (130, 3)


class Terminal(StringIO):
    """Somebody who types this."""

    def isatty(self) -> bool:
        """Say that somebody is there."""
        return True


@pytest.mark.parametrize("typed", ["n\n", "\n", ""])
def test_somebody_is_asked(run: Run, monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    """Nothing is destroyed before somebody agrees; the default is no."""
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    ended = run(*SERVERS, "dlq", "delete", "a", "b")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("Delete 2 dead letters? [y/N]:")
    assert ended.err.endswith("jobqueue: nothing was done\n")


def test_somebody_agrees(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who agrees gets what he asked for, here an error: no server is there."""
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    ended = run(*SERVERS, "dlq", "delete", "a")
    assert ended.code == 5
    assert ended.err.startswith("Delete 1 dead letter? [y/N]:")
