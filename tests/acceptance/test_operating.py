"""An operator stops queues and workers and changes jobs by commands, and the log tells of it."""

import re

from tests.acceptance.system import System

LOG = "SELECT operator, action, queue, reason FROM jobqueue.operator_log ORDER BY id"


def test_a_paused_queue(system: System) -> None:
    """A pause holds over all workers and new ones, says who and why, and ends when told to."""
    system.scheduler()
    system.worker("basics")
    system.lives("worker")
    done = system.run("pause", "default", "--reason", "vendor is down", "--operator", "ann")
    assert (done.code, done.out) == (0, "queue default paused\n")
    again = system.run("pause", "default", "--operator", "bob")
    assert again.code == 0
    assert again.out.startswith("queue default was paused already, by ann since 20")
    assert again.out.endswith(": vendor is down\n")
    assert "queue default has never had a job" in done.err
    jobs = [system.enqueue("echo", 7) for _ in range(5)]
    system.worker("basics")
    system.lives("worker", 2)
    [header, row] = system.run("pauses").out.splitlines()
    assert header.split() == ["QUEUE", "SINCE", "BY", "REASON"]
    assert row.startswith("default")
    assert row.endswith("ann  vendor is down")
    assert system.rows() == []
    assert system.run("pause", "defalt").err.startswith(
        "jobqueue: queue defalt has never had a job"
    )
    assert system.run("resume", "defalt").code == 0
    resumed = system.run("resume", "default")
    assert (resumed.code, resumed.out, resumed.err) == (0, "queue default resumed\n", "")
    assert {row["job_id"] for row in system.finals(len(jobs))} == {*jobs}
    resumed = system.run("resume", "default")
    assert resumed.out == "queue default was not paused; nothing was done\n"
    [first, *others] = system.sql(LOG)
    assert [row["queue"] for row in others] == ["defalt", "defalt", "default"]
    assert first == {
        "operator": "ann", "action": "pause", "queue": "default", "reason": "vendor is down",
    }  # fmt: skip


def test_a_worker(system: System) -> None:
    """A worker is paused, resumed and made quiet by its id, and confirms each."""
    system.scheduler()
    worker = system.worker("basics").event("worker started")["worker"]
    system.lives("worker")
    assert system.run("pause", "--worker", worker, "--reason", "odd host").code == 0
    assert "odd host" in system.run("pauses").out
    job = system.enqueue("echo", 7)
    done = system.run("jobs", "priority", job, "critical")
    assert done.out == f"job {job} has priority critical now; it is ready\n"
    assert system.run("resume", "--worker", worker).code == 0
    assert [row["priority"] for row in system.finals(1)] == ["critical"]
    told = f"worker {worker} is quiet: it takes no more jobs until it is restarted\n"
    assert system.run("quiet", worker).out == told
    assert "takes no more jobs" in system.run("pauses").out
    refused = system.run("resume", "--worker", worker)
    assert (refused.code, refused.out) == (4, "")
    assert refused.err.endswith(" is quiet: only a restart lets it take jobs again\n")
    assert system.run("quiet", "nobody").code == 3
    assert len(system.sql(LOG)) == 4


def test_jobs(system: System) -> None:
    """Jobs that wait are counted, purged, deleted, hastened; one that has ended runs again."""
    system.scheduler()
    later = system.queue.ref("echo").options(delay=3600, tags=["t"])
    delayed = [later.options(tags=()).enqueue_sync([1, 2]).id]
    delayed += [later.enqueue_sync(0).id for _ in range(3)]
    cancelled = later.options(tags=()).enqueue_sync(0).id
    assert system.run("jobs", "cancel", "--tag", "t", "--dry-run").out == (
        "dry run: 3 waiting jobs would be cancelled, 0 running jobs would be asked to stop\n"
    )
    done = system.run("jobs", "delete", delayed[1], "--yes", "--operator", "ann")
    assert done.out == f"job {delayed[1]} deleted; it was scheduled\n"
    assert system.run("jobs", "cancel", "--tag", "t", "--yes").out == (
        "2 waiting jobs cancelled, 0 running jobs asked to stop\n"
    )
    assert system.run("jobs", "cancel", delayed[1]).code == 4
    assert system.ask("jobs", "cancel", cancelled) == {
        "id": cancelled, "did": "cancelled", "state_before": "scheduled",
    }  # fmt: skip
    done = system.run("jobs", "run-now", delayed[0])
    assert done.out == f"job {delayed[0]} made due now; it was scheduled\n"
    system.worker("basics")
    system.finals(5)
    shown = system.run("jobs", "show", delayed[1]).out
    assert re.search(r"\nbecause +it was deleted at 20.+Z by ann\n", shown)
    again = system.run("jobs", "reenqueue", delayed[0])
    assert again.code == 0
    rows = {row["job_id"]: row for row in system.finals(6)}
    assert rows[again.out.strip()]["result"] == rows[delayed[0]]["result"] == [1, 2]
    assert system.run("jobs", "run-now", again.out.strip()).code == 4
    assert system.run("jobs", "delete", "gone", "--yes").code == 3
    assert system.ask("purge", "default", "--dry-run") == {
        "waiting": 0, "running": 0, "dry_run": True,
    }  # fmt: skip
    assert system.run("purge", "default", "--yes").out == "0 waiting jobs purged\n"
    misspelt = "jobqueue: queue defalt has never had a job; did you mean 'default'?\n"
    assert system.run("purge", "defalt", "--yes").err == misspelt
    assert system.run("jobs", "list", "--queue", "defalt").err.endswith(misspelt)
