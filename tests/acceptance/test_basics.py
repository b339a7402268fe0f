"""A job from the shell and back; what is refused; ids that nobody knows."""

import json

import pytest

from jobqueue import JobNotFound
from tests.acceptance.system import System
from tests.support import wait_until_sync


def test_a_job_from_end_to_end(system: System) -> None:
    """Enqueue, a worker runs it: succeeded, with its result and exactly one row."""
    system.scheduler()
    system.worker("basics")
    ended = system.run("enqueue", "echo", "--args", '{"value": "hello"}')
    assert (ended.code, ended.err) == (0, "")
    job_id = ended.out.strip()

    [row] = system.finals(1)
    assert (row["job_id"], row["outcome"], row["attempt"]) == (job_id, "succeeded", 1)
    shown = system.ask("jobs", "show", job_id)
    assert (shown["state"], shown["result"], shown["attempts"]) == ("succeeded", "hello", 1)
    assert [each["outcome"] for each in shown["executions"]] == ["succeeded"]

    people = system.run("jobs", "show", job_id).out
    assert "state       succeeded" in people
    assert 'result      "hello"' in people


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (["--args", "{value: 1}"], "Invalid value for --args: this is no JSON"),
        (["--delay", "soon"], "Invalid value for --delay: 'soon' is not understood"),
        (["--priority", "hihg"], "priority: 'hihg' is none; did you mean 'high'?"),
        (["--queue", "a b"], "queue:"),
    ],
    ids=["args", "delay", "priority", "queue"],
)
def test_bad_input(system: System, call: list[str], named: str) -> None:
    """A wrong job is one line that names what is wrong, exit code 2, and nothing stored."""
    ended = system.run("enqueue", "echo", *call)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"jobqueue: {named}")
    assert ended.err.count("\n") == 1
    assert system.redis.keys() == []


def test_an_unknown_id_is_not_found(system: System) -> None:
    """No command and no call takes an id that it does not know for anything else."""
    for call in (["jobs", "show", "nobody"], ["dlq", "retry", "nobody"]):
        ended = system.run(*call)
        assert (ended.code, ended.out) == (3, "")
        assert "nobody" in ended.err
        assert ended.err.count("\n") == 1
    with pytest.raises(JobNotFound):
        system.queue.find_sync("nobody")


def test_a_taken_id_leaves_the_first_job_alone(system: System) -> None:
    """A second job with the same id is a conflict; the first one stays as it was."""
    system.run("enqueue", "echo", "--job-id", "mine", "--args", "[1]", "--delay", "1h")
    ended = system.run("enqueue", "echo", "--job-id", "mine", "--args", "[2]")
    assert (ended.code, ended.out) == (4, "")
    shown = system.ask("jobs", "show", "mine")
    assert (shown["state"], shown["arguments"]) == ("scheduled", {"*": [1]})


def test_what_an_enqueue_did(system: System) -> None:
    """A lock blocks, a key finds its job again or conflicts; the id is all of stdout."""
    first = system.run(
        "enqueue", "echo", "--lock", "k", "--tag", "a", "--tag", "b", "--args", "[1]"
    )
    second = system.run("enqueue", "echo", "--lock", "k", "--args", "[1]", "--expires", "1h")
    assert (
        second.err
        == f"jobqueue: blocked: job {first.out.strip()} has the lock; this one waits in line\n"
    )
    keyed = ["enqueue", "echo", "--idempotency-key", "k", "--metadata", '{"a": 1}', "--args"]
    made = system.ask(*keyed, "[1]", "--deadline", "2100-01-01T00:00Z")
    assert (made["status"], made["other"]) == ("created", None)
    again = system.run(*keyed, "[1]")
    assert again.out.strip() == made["id"]
    assert again.err == (
        f"jobqueue: duplicate: job {made['id']} was there already; nothing was stored\n"
    )
    conflict = system.run(*keyed, "[2]")
    assert (conflict.code, conflict.out) == (4, "")
    assert "has its idempotency key" in conflict.err
    shown = system.ask("jobs", "show", first.out.strip())
    assert shown["tags"] == ["a", "b"]


PAYLOADS = {
    "unicode": "Zürich 東京 🦊 \u202e ß \U0001f9d1\u200d\U0001f680",
    "control characters": "\x01\x1b[2J\r\n\t\x7f",
    "numbers": [0, -1, 2**53, 1e20, 0.1, True, None],
    "empty": {"": [{}, [], ""]},
}


def test_payloads_survive(system: System) -> None:
    """What goes in comes out: to the handler, into the result and into the row."""
    system.scheduler()
    system.worker("basics")
    deep: object = "bottom"
    for _ in range(200):
        deep = [deep]
    payloads = PAYLOADS | {"deep": deep}
    for name, value in payloads.items():
        stdin = json.dumps({"value": value})
        assert (
            system.run("enqueue", "echo", "--args", "-", "--job-id", name[:4], stdin=stdin).code
            == 0
        )
    rows = {row["job_id"]: row for row in system.finals(len(payloads))}
    for name, value in payloads.items():
        assert rows[name[:4]]["arguments"] == {"value": value}
        assert rows[name[:4]]["result"] == value
        assert system.queue.find_sync(name[:4])[0].result == value


def test_large_payload(system: System) -> None:
    """Arguments up to the limit survive; larger ones are refused and leave nothing."""
    text = "é" * 500_000
    too_large = system.run("enqueue", "digest", "--args", "-", stdin=json.dumps([text * 2]))
    assert too_large.code == 2
    assert "1048576" in too_large.err
    assert system.redis.keys() == []

    system.scheduler()
    system.worker("basics")
    system.run("enqueue", "digest", "--args", "-", stdin=json.dumps({"value": text}))
    [row] = system.finals(1)
    assert row["outcome"] == "succeeded"
    assert row["arguments"] == {"value": text}


def test_queues_tell_what_nobody_can_run(system: System) -> None:
    """The counts say what waits where, and which names no living worker declares."""
    system.worker("basics")
    system.run("enqueue", "ehco", "--args", "[1]", "--priority", "high")
    system.run("enqueue", "nothing", "--queue", "elsewhere")

    def bounced() -> bool:
        return any(each.scheduled for each in system.queue.queue_counts_sync())

    wait_until_sync(bounced, description="the worker has handed the unknown job back")
    counted = {each["name"]: each for each in system.ask("queues")}
    assert counted["default"]["unknown_names"] == ["ehco"]
    assert counted["elsewhere"]["unknown_names"] == ["nothing"]
    assert counted["elsewhere"]["ready"]["normal"] == 1
    people = system.run("queues").out
    told = "no live worker knows: ehco (1 job waits in queue default); did you mean 'echo'?"
    assert told in people
    assert json.loads(system.run("queues", "elsewhere", "--json").out)[0]["name"] == "elsewhere"
    missing = system.run("queues", "elsewere")
    assert (missing.code, missing.out) == (3, "")
    assert missing.err == (
        "jobqueue: queue elsewere has never had a job; did you mean 'elsewhere'?\n"
    )
