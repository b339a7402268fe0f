"""Locks, unique and idempotency keys, limits: what holds over several real workers."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest

from jobqueue import JobHandle, Status, Unique
from tests.acceptance.apps import keyed
from tests.acceptance.system import System

LEASE = "2"


def overlaps(notes: list[dict[str, Any]], by: str) -> dict[str, int]:
    """Return how many jobs of each key ran at once, at most."""
    now: defaultdict[str, int] = defaultdict(int)
    most: defaultdict[str, int] = defaultdict(int)
    for note in notes:
        now[note[by]] += 1 if note["what"] == "began" else -1
        most[note[by]] = max(most[note[by]], now[note[by]])
    return most


def test_locks(system: System) -> None:
    """64 keys of 16 jobs each on three workers: never two at once, each once, in order."""
    system.scheduler()
    for _ in range(3):
        system.worker("keyed", "--concurrency", "40")
    hold = system.queue.ref("hold")
    jobs = [(f"k{key}", number) for number in range(16) for key in range(64)]
    for key, number in jobs:
        hold.options(lock=key).enqueue_sync(key, number, 0.01)
    system.finals(len(jobs), deadline=60)
    notes = system.notes()
    assert set(overlaps(notes, "key").values()) == {1}
    for each in range(64):
        began = [n["number"] for n in notes if n["what"] == "began" and n["key"] == f"k{each}"]
        assert began == list(range(16))
    assert system.redis.keys("*lock:*") == []


def test_a_lock_outlives_its_lease(system: System) -> None:
    """It is held as long as the handler runs, and goes on when its holder's worker is killed."""
    system.scheduler()
    doomed = system.worker("keyed", "--lease", LEASE)
    hold = system.queue.ref("hold").options(lock="k")
    long = hold.enqueue_sync("k", 0, 6.0)
    system.noted(1)
    waiting = [hold.enqueue_sync("k", number, 0.01) for number in (1, 2)]
    assert [job.status for job in waiting] == [Status.BLOCKED, Status.BLOCKED]
    assert [job.other for job in waiting] == [long.id, long.id]
    heir = system.worker("keyed", "--lease", LEASE)
    system.noted(1, "ended")
    system.noted(3)
    assert [n["number"] for n in system.notes() if n["what"] == "began"] == [0, 1, 2]

    system.finals(3)
    held = hold.enqueue_sync("k", 3, 60.0)
    system.noted(4)
    owner = next(n["pid"] for n in system.notes() if n.get("number") == 3)
    [dead, left] = sorted((doomed, heir), key=lambda worker: worker.process.pid != owner)
    dead.kill()
    hold.enqueue_sync("k", 4, 0.01)
    # The same job goes on elsewhere, still in front of the line.
    system.noted(5)
    assert [n["number"] for n in system.notes() if n["what"] == "began"][3:] == [3, 3]
    assert system.queue.cancel_sync(held.id) == "running"
    rows = system.finals(5)
    assert left.process.poll() is None
    assert [row["outcome"] for row in rows if row["job_id"] == held.id] == ["cancelled"]


@pytest.mark.parametrize("kind", ["unique", "idempotency"])
def test_fifty_at_once(system: System, kind: str) -> None:
    """Fifty concurrent enqueues with one key make one job; the others hear of it."""
    ref = system.queue.ref("once")
    if kind == "unique":
        call = ref.options(unique=Unique(on_conflict="return"))
    else:
        call = ref.options(idempotency_key="request-1")

    def send(_: int) -> JobHandle[Any]:
        return call.enqueue_sync(number=7)

    with ThreadPoolExecutor(50) as threads:
        jobs = list(threads.map(send, range(50)))
    assert sorted(job.status for job in jobs) == ["created", *["duplicate"] * 49]
    assert len({job.id for job in jobs}) == 1
    system.scheduler()
    system.worker("keyed")
    system.finals(1)
    again = call.enqueue_sync(number=7)
    assert again.status == ("created" if kind == "unique" else "duplicate")


def test_limits_and_rates(system: System) -> None:
    """Two at once for each account, five starts in any second, also when a worker is killed."""
    system.scheduler()
    doomed = system.worker("keyed", "--lease", LEASE)
    system.worker("keyed", "--lease", LEASE)
    # The key of a limit is made where the handler's code is.
    jobs = [keyed.narrow.prepare(f"a{number % 4}", 0.05) for number in range(80)]
    system.queue.enqueue_many_sync(jobs)
    for number in range(20):
        system.queue.ref("paced").enqueue_sync(number)
    system.noted(20)
    doomed.kill()
    system.finals(100, deadline=60)
    notes = [n for n in system.notes() if "account" in n and n["pid"] != doomed.process.pid]
    assert max(overlaps(notes, "account").values()) <= 2
    # By the ids: Redis mints them as it hands the jobs over.
    starts = [row["id"].int >> 80 for row in system.rows("name = 'paced'")]
    for first, sixth in zip(starts, starts[5:], strict=False):
        assert sixth - first >= 999, starts
    shown = {limit["label"]: limit for limit in system.ask("limits", "show")}
    assert shown["limit:key:narrow:account"]["n"] == 2
    assert shown["rate:job:paced"]["parked"] == 0


@pytest.mark.parametrize("name", ["on_the_loop", "in_a_thread", "in_a_process"])
def test_cancel_a_running_job(system: System, name: str) -> None:
    """It is told or killed, ends as cancelled once, and the worker goes on."""
    system.scheduler()
    system.worker("keyed")
    job_id = system.enqueue(name)
    system.noted(1)
    assert (
        system.ask("jobs", "cancel", job_id, "--reason", "not needed")["state_before"] == "running"
    )
    [row] = system.finals(1)
    assert (row["job_id"], row["outcome"], row["final"]) == (job_id, "cancelled", True)
    assert system.run("jobs", "cancel", job_id).code == 4
    done = system.enqueue("once", 1)
    system.finals(2)
    assert system.run("jobs", "cancel", done).code == 4
    assert system.run("jobs", "cancel", "nobody").code == 3


def test_cancel_jobs_that_wait(system: System) -> None:
    """Ready, delayed, in line: none ever runs, each leaves one row; the line goes on."""
    hold = system.queue.ref("hold").options(lock="k")
    first, second, third = (hold.enqueue_sync("k", number, 0.01) for number in range(3))
    delayed = system.queue.ref("once").options(delay=3600).enqueue_sync(1)
    assert system.queue.cancel_sync(second.id) == "blocked"
    assert system.queue.cancel_sync(first.id) == "ready"
    assert delayed.cancel_sync() == "scheduled"
    system.scheduler()
    system.worker("keyed")
    rows = {row["job_id"]: row["outcome"] for row in system.finals(4)}
    ended = dict.fromkeys((first.id, second.id, delayed.id), "cancelled")
    assert rows == ended | {third.id: "succeeded"}
    assert [note["number"] for note in system.notes() if note["what"] == "began"] == [2]


def test_cancel_against_a_start(system: System) -> None:
    """Cancelled at the same moment as it starts, a job has one outcome, whoever was first."""
    system.scheduler()
    system.worker("keyed")
    random = Random(32)
    ids = []
    for _ in range(60):
        job = system.queue.ref("on_the_loop").enqueue_sync()
        if random.random() < 0.5:
            system.queue.find_sync(job.id)  # a little later
        assert job.cancel_sync() in {"ready", "running"}
        ids.append(job.id)
    rows = system.finals(len(ids))
    assert sorted(row["job_id"] for row in rows) == sorted(ids)
    assert {row["outcome"] for row in rows} == {"cancelled"}
