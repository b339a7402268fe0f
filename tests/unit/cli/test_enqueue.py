"""``jobqueue enqueue``: what it refuses before it looks for any server."""

from pathlib import Path

import pytest

from .conftest import Run

NOWHERE = "redis://127.0.0.1:1"


@pytest.mark.parametrize(
    ("call", "line"),
    [
        ([], "Missing argument 'NAME'."),
        (["two words"], "name: 'two words' can't name a job"),
        (["add", "--args", "{value: 1}"], "Invalid value for --args: this is no JSON"),
        (["add", "--args", ""], "Invalid value for --args: this is no JSON"),
        (
            ["add", "--args", '"text"'],
            "Invalid value for --args: write an object of named arguments or a list",
        ),
        (["add", "--args", '{"value": NaN}'], "Invalid value for --args: this is no JSON"),
        (["add", "--args", '{"value": "\\u0000"}'], "value: a string in it holds NUL"),
        (
            ["add", "--args", "@missing.json"],
            "Invalid value for --args: missing.json can't be read: No such file",
        ),
        (["add", "--delay", "soon"], "Invalid value for --delay: 'soon' is not understood"),
        (["add", "--delay", "-1"], "Invalid value for --delay: '-1' is out of range"),
        (["add", "--run-at", "noon"], "Invalid value for --run-at: 'noon' is no time"),
        (
            ["add", "--run-at", "2030-01-01T12:00"],
            "Invalid value for --run-at: '2030-01-01T12:00' has no time zone",
        ),
        (["add", "--run-at", "2030-01-01T12:00Z", "--delay", "1"], "run_at: give run_at or delay"),
        (["add", "--priority", "hihg"], "priority: 'hihg' is none; did you mean 'high'?"),
        (["add", "--queue", "a b"], "queue: 'a b' can't name a queue"),
        (["add", "--job-id", "a b"], "job_id: 'a b' can't be an id"),
        (["add", "--retries", "-1"], "retry: "),
        (["add", "--timeout", "0"], "timeout: 0 leaves no time to run"),
        (["add", "--result-ttl", "x"], "Invalid value for --result-ttl: 'x' is not understood"),
        (
            ["add", "--args", '{"a": 1, "a": 2}'],
            "Invalid value for --args: the key 'a' stands twice in one object",
        ),
        (
            ["add", "--args", '[{"b": {"a": 1, "a": 1}}]'],
            "Invalid value for --args: the key 'a' stands twice",
        ),
        (["add", "--metadata", "[1]"], "metadata: [1] is no mapping"),
        (["add", "--metadata", "{a}"], "Invalid value for --metadata: this is no JSON"),
        (["add", "--tag", ""], "tags: '': write 1 to 100 printable characters"),
        (["add", "--expires", "0"], "expires: 0 leaves no time to run"),
        (
            ["add", "--expires", "2030-01-01"],
            "Invalid value for --expires: '2030-01-01' has no time zone",
        ),
        (["add", "--deadline", "late"], "Invalid value for --deadline: 'late' is not understood"),
        (["add", "--lock", ""], "lock: '' can't be a key"),
        (["add", "--idempotency-key", "x" * 201], "idempotency_key: 'xxxx"),
        (["add", "--queue", "q" * 5000], "queue: 'qqqq"),
        (["add", "--prority", "high"], "No such option: --prority; did you mean '--priority'?"),
    ],
)
def test_refused(run: Run, call: list[str], line: str) -> None:
    """One line names what is wrong, with exit code 2; the server, which is away, is not asked."""
    ended = run("enqueue", *call, "--redis-url", NOWHERE)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"jobqueue: {line}")
    assert ended.err.count("\n") == 1
    assert len(ended.err) < 300


def test_redis_is_away(run: Run) -> None:
    """A job that is right, without a server to take it: exit code 5, and nothing was stored."""
    ended = run("enqueue", "add", "--redis-url", NOWHERE, "--enqueue-timeout", "0.1")
    assert (ended.code, ended.out) == (5, "")
    assert ended.err.startswith("jobqueue: Redis can't be reached: ")
    assert ended.err.endswith("nothing was stored\n")


def test_arguments_from_a_folder(run: Run, tmp_path: Path) -> None:
    """A path that is no file is named, not shown as a traceback."""
    ended = run("enqueue", "add", "--args", f"@{tmp_path}", "--redis-url", NOWHERE)
    assert f"Invalid value for --args: {tmp_path} can't be read: Is a directory" in ended.err
    assert ended.err.count("\n") == 1
