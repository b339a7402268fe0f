"""Sentences about what holds a job, where no server is needed to see them."""

from typing import Any

import pytest

from jobqueue.domain.reasons import reasons
from jobqueue.domain.standing import BoundBy, Standing
from jobqueue.domain.why import Around

NOW_MS = 1_900_000_000_000


def worker(**fields: Any) -> dict[str, Any]:
    """Return what a worker of queue ``mail`` says of itself."""
    said = {"role": "worker", "id": "w1", "queues": ["mail"], "names": ["send"]}
    numbers = {"running": 5, "concurrency": 5, "rates": {"mail": 2.0}, "problem": ""}
    return said | numbers | fields


def ready(**fields: Any) -> Standing:
    """Return where a ready job stands."""
    place = {"place": "ready:2", "entry": "1-0", "name": "send"}
    values: dict[str, Any] = {"now_ms": NOW_MS, "state": "ready"} | place | fields
    return Standing(**values)


def around(*living: dict[str, Any], **fields: Any) -> Around:
    """Return what bears on a job of queue ``mail``."""
    values: dict[str, Any] = {"place": "mail", "living": living, "journal_bound": 1 << 20} | fields
    return Around(**values)


def first(at: Standing, beside: Around) -> tuple[str, str]:
    """Return the word and the sentence of what holds the job."""
    found = reasons("j", at, beside)[0]
    return found.kind, found.text


BUSY = "; 5 of 5 slots of its workers are taken"
TURNS = [
    (around(worker(), ahead=9), "9 jobs are ahead of it in queue mail", "about 5s"),
    (
        around(worker(partitions=["mail"]), place="mail#1", ahead=1, partitions=4),
        "1 job is ahead of it in its partition of queue mail",
        "about 4s",
    ),
    (
        around(worker(), ahead=100_000, more=True),
        "more than 100,000 jobs are ahead of it in queue mail",
        "at least 13h53m",
    ),
    (around(worker()), "it is the next of queue mail", "about 500ms"),
]


@pytest.mark.parametrize(("beside", "place", "when"), TURNS)
def test_turns(beside: Around, place: str, when: str) -> None:
    """How many come first, and how long that takes; in a partition with its share of the rate."""
    pace = f"; at 2 a second its turn comes in {when}"
    assert first(ready(), beside) == ("ahead", f"{place}{pace}{BUSY}")


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"rates": {}}, f"{BUSY}; none of its jobs has ended in the last minute"),
        ({"running": 4}, "; 4 of 5 slots of its workers are taken"),
    ],
)
def test_turns_without_a_pace(said: dict[str, Any], text: str) -> None:
    """With a free slot it is taken at once, and a queue that stands still has no pace."""
    assert first(ready(), around(worker(**said)))[1] == f"it is the next of queue mail{text}"


@pytest.mark.parametrize(
    ("said", "place", "kind", "text"),
    [
        ({}, "mail#1", "no_partitions", "no live worker serves the partitions of queue mail: "),
        ({"problem": "no way"}, "mail", "worker_problem", "no worker of queue mail can take jobs"),
        (
            {"quiet": True},
            "mail",
            "worker_paused",
            "every worker of queue mail was told to take no",
        ),
        ({"names": []}, "mail", "unknown_name", "no live worker of queue mail knows send"),
    ],
)
def test_workers_that_take_nothing(said: dict[str, Any], place: str, kind: str, text: str) -> None:
    """Workers that live and do not come are told of before the turn."""
    found = first(ready(), around(worker(**said), place=place))
    assert (found[0], found[1].startswith(text)) == (kind, True)


def test_a_misspelt_name() -> None:
    """Where workers serve the queue, another one helps nobody: the name is wrong, or the code."""
    [found, *_] = reasons("a;b", ready(name="sned"), around(worker()))
    assert found.text.endswith("knows sned; did you mean 'send'? Else deploy code that has sned")
    assert found.command == "jobqueue jobs cancel 'a;b' --queue mail"
    again = ready(state="scheduled", place="scheduled:2", name="x", unknown=1, due_ms=NOW_MS + 500)
    [later, *_] = reasons("j", again, around(worker(), {"role": "scheduler", "id": "s1"}))
    assert (later.kind, later.command) == ("unknown_name", "jobqueue jobs cancel j --queue mail")
    assert later.text.endswith("; deploy code that has x")
    [alone, *_] = reasons("j", again, around({"role": "scheduler", "id": "s1"}))
    assert alone.command == "jobqueue worker MODULE:APP --queues mail"


def test_the_second_reason() -> None:
    """A full limit of its name is told behind its turn; one of the queue before it."""
    own = BoundBy(scope="limit:job:send", kind="limit", n=1, used=1)
    whole = BoundBy(scope="limit:queue", kind="limit", n=5, used=5)
    found = reasons("j", ready(bounds=[own, whole]), around(worker()))
    assert [each.kind for each in found] == ["limit", "ahead", "limit"]
    assert "limit:queue" in found[0].text


def test_schedulers_are_behind() -> None:
    """What was due while schedulers live is told so; ids are quoted for a shell."""
    at = ready(state="scheduled", place="scheduled:2", due_ms=NOW_MS - 60_000)
    scheduler = {"role": "scheduler", "id": "s1"}
    [late] = reasons("j", at, around(worker(), scheduler))
    assert late.text.endswith(", 1m ago: the schedulers are behind")
    assert late.command == "jobqueue health scheduler"
    soon = ready(state="scheduled", place="scheduled:2", due_ms=NOW_MS + 500)
    [due] = reasons("a;b", soon, around(worker(), scheduler))
    assert due.command == "jobqueue jobs run-now 'a;b' --queue mail"
