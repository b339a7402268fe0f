"""Workers that die, jobs that last, and workers that are told to stop."""

import os
import signal
from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.system import PATIENCE, System
from tests.support.pace import pace

LEASE = 2
LASTING = ["last", "last_in_thread", "last_in_process"]


def test_a_killed_worker_loses_nothing(system: System) -> None:
    """``kill -9`` amid its jobs: others have all of them within the lease and two seconds."""
    system.scheduler()
    doomed = system.worker("lasting", "--lease", str(LEASE), "--concurrency", "50")
    ids = {system.enqueue("last", 60.0) for _ in range(40)}
    system.noted(40)
    heir = system.worker("lasting", "--lease", str(LEASE))
    heir_id = heir.event("worker started")["worker"]
    with pace() as slower:
        killed = datetime.now(UTC)
        doomed.kill()
        system.noted(80)

    rows = system.some(40, "outcome = 'lost'")
    assert {row["job_id"] for row in rows} == ids
    assert len(rows) == len(ids)
    assert {(row["attempt"], row["crashes"], row["final"]) for row in rows} == {(1, 1, False)}
    bound = killed + timedelta(seconds=LEASE + 2 * slower())
    assert max(row["finished_at"] for row in rows) < bound
    again = [note for note in system.notes() if note["pid"] == heir.process.pid]
    assert {note["job"] for note in again} == ids
    assert len(again) == len(ids)
    assert heir_id != rows[0]["worker"]


def test_a_killed_workers_jobs_end_once(system: System) -> None:
    """Every job of a killed worker ends, and has exactly one final row."""
    system.scheduler()
    doomed = system.worker("lasting", "--lease", str(LEASE))
    ids = [system.enqueue("last", 0.5) for _ in range(300)]
    system.noted(150)
    doomed.kill()
    system.worker("lasting", "--lease", str(LEASE))
    rows = system.finals(len(ids))
    assert sorted(row["job_id"] for row in rows) == sorted(ids)
    assert {row["outcome"] for row in rows} == {"succeeded"}


def test_a_crash_loop_ends(system: System) -> None:
    """A job whose worker dies each time is a dead letter after as many crashes as allowed."""
    system.scheduler()
    job_id = system.enqueue("last", 60.0)
    for crash in range(1, 3):
        doomed = system.worker("lasting", "--lease", str(LEASE), "--crash-budget", "2")
        system.noted(crash)
        doomed.kill()
    system.worker("lasting", "--lease", str(LEASE), "--crash-budget", "2")
    [row] = system.finals(1)
    assert (row["outcome"], row["reason"], row["crashes"]) == ("lost", "worker_lost", 2)
    [letter] = system.ask("dlq", "list")
    assert (letter["job_id"], letter["reason"]) == (job_id, "worker_lost")


def test_a_long_job_runs_once(system: System) -> None:
    """Ten leases long, on the loop, in a thread and in a process, with another worker waiting."""
    system.scheduler()
    for _ in range(2):
        system.worker("lasting", "--lease", str(LEASE))
    ids = {system.enqueue(name, 10.0 * LEASE): name for name in LASTING}
    rows = system.finals(len(ids), deadline=10.0 * LEASE + PATIENCE)
    assert {row["outcome"] for row in rows} == {"succeeded"}
    assert len(system.rows()) == len(ids)
    assert sum(note["what"] == "began" for note in system.notes()) == len(ids)


def test_a_blocked_loop_keeps_its_lease(system: System) -> None:
    """A handler that stops the event loop for three leases loses nothing."""
    system.scheduler()
    for _ in range(2):
        system.worker("lasting", "--lease", str(LEASE))
    system.enqueue("block_the_loop", 3.0 * LEASE)
    [row] = system.finals(1)
    assert row["outcome"] == "succeeded"
    assert len(system.rows()) == 1


def test_sigterm_under_load(system: System) -> None:
    """The worker leaves within the grace; what it had not finished runs elsewhere, at no cost."""
    grace = 2.0
    system.scheduler()
    leaving = system.worker("lasting", "--grace", str(grace))
    short = {system.enqueue("last", 1.0) for _ in range(20)}
    kinds = ["last"] * 7 + ["last_in_thread"] * 7 + ["last_in_process"]
    long = {system.enqueue(kind, 60.0) for kind in kinds}
    system.noted(35)
    heir = system.worker("lasting", "--concurrency", "60")
    with pace() as slower:
        told = datetime.now(UTC)
        assert leaving.stop() == 0
        took = datetime.now(UTC) - told
        system.noted(50)
    # And some for the end of the process.
    assert took < timedelta(seconds=grace + 5 * slower())

    released = system.some(len(long), "outcome = 'released'")
    assert {row["job_id"] for row in released} == long
    assert len(released) == len(long)
    done = system.finals(len(short))
    assert {row["job_id"] for row in done} == short
    again = {note["job"]: note for note in system.notes()}  # the last: on the other worker
    for row in released:
        note = again[row["job_id"]]
        assert note["attempt"] == row["attempt"] == 1
        if note["name"] != "last_in_process":  # a new process takes its time to begin
            assert note["at"] - row["finished_at"].timestamp() < 5 * slower()
        assert system.queue.find_sync(row["job_id"])[0].worker == heir.events[-1]["worker"]


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(system: System, first: signal.Signals) -> None:
    """The second signal does not wait for the grace; the job goes back at no cost."""
    system.scheduler()
    worker = system.worker("lasting", "--grace", "60")
    job_id = system.enqueue("last", 60.0)
    system.noted(1)
    worker.send(first)
    worker.event("stopping")
    worker.send(signal.SIGTERM)
    assert worker.wait() == 0  # in half of the grace
    [job] = system.queue.find_sync(job_id)
    assert (job.state, job.attempts, job.crashes) == ("ready", 0, 0)


def test_a_quiet_worker_takes_nothing_new(system: System) -> None:
    """SIGTSTP: running jobs go on, new ones go to others."""
    system.scheduler()
    quiet = system.worker("lasting")
    system.enqueue("last", 2.0)
    system.noted(1)
    quiet.send(signal.SIGTSTP)
    quiet.event("worker quiet")
    other = system.worker("lasting")
    ids = [system.enqueue("last", 0.0) for _ in range(30)]
    rows = system.finals(len(ids) + 1)
    assert {row["outcome"] for row in rows} == {"succeeded"}
    pids = {note["pid"] for note in system.notes() if note["job"] in ids}
    assert pids == {other.process.pid}
    assert quiet.process.poll() is None
    assert quiet.stop() == 0


@pytest.mark.parametrize("name", ["refuse_to_end", "last_in_thread", "hide_in_thread"])
def test_nothing_keeps_a_stopped_worker(system: System, name: str) -> None:
    """A handler that does not end is left behind: its job is back, and the process is gone."""
    system.scheduler()
    worker = system.worker("lasting", "--grace", "0.5")
    arguments = [] if name == "refuse_to_end" else [3600.0]
    # More than any pool of threads has: nothing of ours may need one of them to stop.
    ids = [system.enqueue(name, *arguments) for _ in range(40)]
    system.noted(32)
    worker.send(signal.SIGTERM)
    assert worker.wait() == 0
    assert {system.queue.find_sync(job_id)[0].state for job_id in ids} == {"ready"}


def test_processes_are_workers_of_their_own(system: System) -> None:
    """``--processes 2``: both run jobs, one that is killed is replaced, all end with the parent."""
    system.scheduler()
    parent = system.worker("lasting", "--processes", "2", "--lease", str(LEASE), "--grace", "1")
    system.lives("worker", 2)  # else the first may run all jobs before the second has begun
    ids = {system.enqueue("last", 0.5) for _ in range(200)}
    system.noted(200)
    pids = {note["pid"] for note in system.notes()}
    assert len(pids) == 2
    assert parent.process.pid not in pids
    job_id = system.enqueue("last", 4.0)
    system.noted(201)
    os.kill(next(note["pid"] for note in system.notes() if note["job"] == job_id), signal.SIGKILL)
    rows = system.finals(len(ids) + 1)
    assert {row["outcome"] for row in rows} == {"succeeded"}
    assert [row["outcome"] for row in system.rows("job_id = %s", job_id)] == ["lost", "succeeded"]
    assert parent.stop() == 0
