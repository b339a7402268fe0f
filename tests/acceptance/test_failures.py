"""Retries, their waits, and dead letters: listed, and put back one, many and all."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.acceptance.system import System
from tests.support import wait_until_sync


@pytest.mark.parametrize("failures", [0, 1, 3, 5])
def test_fails_then_succeeds(served: System, failures: int) -> None:
    """So many failures and a success are one attempt more, all in the history."""
    job_id = served.enqueue("flaky", failures)
    [final] = served.finals(1)
    rows = served.rows()
    assert [row["attempt"] for row in rows] == list(range(1, failures + 2))
    assert [row["outcome"] for row in rows] == ["failed"] * failures + ["succeeded"]
    assert [row["final"] for row in rows] == [False] * failures + [True]
    assert final["result"] == failures + 1
    shown = served.ask("jobs", "show", job_id)
    assert (shown["state"], shown["attempts"]) == ("succeeded", failures + 1)


WAITS = {
    "exponential": [(0.1, 0.1), (0.2, 0.2), (0.35, 0.35)],
    "linear": [(0.1, 0.1), (0.2, 0.2), (0.3, 0.3)],
    "quadratic": [(0.1, 0.1), (0.4, 0.4), (0.9, 0.9)],
    "jittered": [(0.1, 0.2)] * 3,
}


def test_waits_between_attempts(served: System) -> None:
    """Each strategy keeps its bounds, and no attempt begins before its time."""
    ids = {served.enqueue(name): name for name in WAITS}
    served.finals(len(ids))
    for job_id, name in ids.items():
        *retried, last = served.rows("job_id = %s", job_id)
        assert (last["outcome"], last["final"], last["reason"]) == (
            "failed", True, "retries_exhausted",
        )  # fmt: skip
        waits = [(row["retry_at"] - row["finished_at"]).total_seconds() for row in retried]
        for wait, (least, most) in zip(waits, WAITS[name], strict=True):
            assert least - 0.002 <= wait <= most + 0.002, name
        for row, following in zip(retried, [*retried[1:], last], strict=True):
            assert following["started_at"] - row["retry_at"] >= timedelta(milliseconds=-1), name


def letters(system: System, count: int, *filters: str) -> list[dict[str, Any]]:
    """Wait until so many letters are open in all; return those that the list shows."""
    opened = "SELECT 1 FROM jobqueue.dead_letters WHERE redriven_at IS NULL"
    wait_until_sync(
        lambda: len(system.sql(opened)) == count, description=f"{count} open letters", deadline=30
    )
    listed: list[dict[str, Any]] = system.ask("dlq", "list", *filters)
    return listed


def test_a_dead_letter_has_everything(served: System) -> None:
    """A job that failed for good is one letter, with arguments, error and traceback."""
    job_id = served.enqueue("hopeless", "broken", part="first")
    [letter] = letters(served, 1)
    assert letter["job_id"] == job_id
    assert letter["arguments"] == {"*": ["broken"], "part": "first"}
    assert (letter["error_type"], letter["error_message"]) == ("ValueError", "broken")
    assert "raise ValueError(why)" in letter["traceback"]
    assert (letter["queue"], letter["priority"], letter["attempts"]) == ("default", "normal", 1)
    people = served.run("dlq", "list").out
    assert job_id in people
    assert "ValueError: broken" in people


def test_retry_one_many_and_all(served: System) -> None:
    """Put back: a new run of the same job; one that dies again is a letter again."""
    first, *others = [served.enqueue("hopeless", f"job {n}") for n in range(5)]
    letters(served, 5)

    one = served.run("dlq", "retry", first)
    assert (one.code, one.out, one.err) == (0, f"{first}\n", "")
    again = next(each for each in letters(served, 5) if each["run"] == 1)
    assert (again["job_id"], again["attempts"]) == (first, 1)

    many = served.run("dlq", "retry", *others[:2])
    assert (many.code, many.out.split()) == (0, others[:2])
    served.finals(8)

    everything = served.run("dlq", "retry", "--all")
    assert (everything.code, sorted(everything.out.split())) == (0, sorted([first, *others]))
    rows = served.finals(13)
    runs = sorted((row["job_id"], row["run"]) for row in rows)
    assert len(set(runs)) == len(runs) == 13
    assert {row["attempt"] for row in rows} == {1}


def test_a_letter_keeps_what_the_job_was(served: System) -> None:
    """Queue, priority and options come back with the job."""
    served.start("worker", "tests.acceptance.apps.failing:app", "--queues", "aside")
    job = served.queue.ref("hopeless").options(queue="aside", priority="high", timeout=7)
    job_id = job.enqueue_sync("broken").id
    letters(served, 1, "--queue", "aside")
    served.run("dlq", "retry", job_id)
    rows = served.finals(2)
    assert [(row["queue"], row["priority"], row["run"]) for row in rows] == [
        ("aside", "high", 0),
        ("aside", "high", 1),
    ]


def test_filters_and_pages(served: System) -> None:
    """The list can be narrowed and read page by page; ``--all`` can be narrowed too."""
    ids = [served.enqueue("hopeless", f"job {n}") for n in range(3)]
    served.enqueue("linear")
    assert [each["name"] for each in letters(served, 4, "--name", "linear")] == ["linear"]
    assert served.ask("dlq", "list", "--queue", "aside") == []
    pages = ("dlq", "list", "--name", "hopeless", "--limit", "2")
    page = served.ask(*pages)
    rest = served.ask(*pages, "--after", page[-1]["execution_id"])
    assert [each["job_id"] for each in page + rest] == ids[::-1]
    retried = served.run("dlq", "retry", "--all", "--name", "hopeless")
    assert sorted(retried.out.split()) == sorted(ids)


def test_unknown_letters_and_conflicts(served: System) -> None:
    """Unknown: 3. The id is in use again: 4. The others go back all the same."""
    mine = served.queue.ref("hopeless").options(job_id="mine", result_ttl=0).enqueue_sync("x")
    good = served.enqueue("hopeless", "y")
    letters(served, 2)
    wait_until_sync(
        lambda: not served.redis.keys(f"*:{mine.id}"), description="Redis has forgotten the job"
    )
    assert served.run("enqueue", "hopeless", "--job-id", "mine", "--delay", "1h").code == 0

    ended = served.run("dlq", "retry", "nobody", "mine", good)
    assert (ended.code, ended.out) == (4, f"{good}\n")
    unknown, conflict = ended.err.splitlines()
    assert "nobody" in unknown
    assert "mine is waiting or running already" in conflict
    answers = json.loads(served.run("dlq", "retry", "nobody", "mine", "--json").out)
    assert [bool(each["error"]) for each in answers] == [True, True]


def test_a_letter_is_put_back_once(served: System) -> None:
    """Several people retry one letter at the same moment: as many new runs as were told of one."""
    job_id = served.enqueue("hopeless", "x")
    letters(served, 1)
    programs = [served.start("dlq", "retry", job_id) for _ in range(3)]
    codes = [program.wait() for program in programs]
    assert 0 in codes
    assert set(codes) <= {0, 3, 4}  # a late one may have met the letter of the second death
    rows = served.finals(1 + codes.count(0))
    assert [row["run"] for row in rows] == list(range(1 + codes.count(0)))
