"""``jobqueue dlq`` and ``jobqueue jobs``: wrong calls, without any server."""

import pytest

from .conftest import Run

SERVERS = (
    *("--redis-url", "redis://127.0.0.1:1"),
    *("--database-url", "postgresql://nobody@127.0.0.1:1/nothing"),
)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (["dlq", "retry"], "Invalid value for ID: give ids or --all"),
        (["dlq", "retry", "a", "--all"], "Invalid value for ID: give ids or --all"),
        (["dlq", "retry", "a", "--queue", "b"], "Invalid value for --queue, --name: only --all"),
        (["dlq", "retry", "é"], "job_id: 'é' can't be an id"),
        (["dlq", "list", "--limit", "0"], "Invalid value for '--limit'"),
        (["dlq", "list", "--before", "yesterday"], "before: 'yesterday' is no execution id"),
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
    "call", [["dlq", "list"], ["dlq", "retry", "a"], ["jobs", "show", "a"], ["queues"]]
)
def test_servers_are_away(run: Run, call: list[str]) -> None:
    """A server that can't be reached is one line and exit code 5."""
    ended = run(*SERVERS, *call)
    assert (ended.code, ended.out) == (5, "")
    assert ended.err.startswith("jobqueue: ")
    assert ended.err.count("\n") == 1
