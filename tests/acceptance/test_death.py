"""Workers that die, jobs that last, and workers that are told to stop."""

import os
import signal
from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.stage import Stage

LEASE = 2
LASTING = ["last", "last_in_thread", "last_in_process"]


def test_a_killed_worker_loses_nothing(stage: Stage) -> None:
    """``kill -9`` amid its jobs: others have all of them within the lease and two seconds."""
    stage.scheduler()
    doomed = stage.worker("lasting", "--lease", str(LEASE), "--concurrency", "50")
    ids = {stage.enqueue("last", 60.0) for _ in range(40)}
    stage.noted(40)
    heir = stage.worker("lasting", "--lease", str(LEASE))
    heir_id = heir.event("worker started")["worker"]
    killed = datetime.now(UTC)
    doomed.kill()
    stage.noted(80)

    rows = stage.rows("outcome = 'lost'")
    assert {row["job_id"] for row in rows} == ids
    assert len(rows) == len(ids)
    assert {(row["attempt"], row["crashes"], row["final"]) for row in rows} == {(1, 1, False)}
    bound = killed + timedelta(seconds=LEASE + 2)
    assert max(row["finished_at"] for row in rows) < bound
    again = [note for note in stage.notes() if note["pid"] == heir.process.pid]
    assert {note["job"] for note in again} == ids
    assert len(again) == len(ids)
    assert heir_id != rows[0]["worker"]


def test_a_killed_workers_jobs_end_once(stage: Stage) -> None:
    """Every job of a killed worker ends, and has exactly one final row."""
    stage.scheduler()
    doomed = stage.worker("lasting", "--lease", str(LEASE))
    ids = [stage.enqueue("last", 0.5) for _ in range(300)]
    stage.noted(150)
    doomed.kill()
    stage.worker("lasting", "--lease", str(LEASE))
    rows = stage.finals(len(ids))
    assert sorted(row["job_id"] for row in rows) == sorted(ids)
    assert {row["outcome"] for row in rows} == {"succeeded"}


def test_a_crash_loop_ends(stage: Stage) -> None:
    """A job whose worker dies each time is a dead letter after as many crashes as allowed."""
    stage.scheduler()
    job_id = stage.enqueue("last", 60.0)
    for crash in range(1, 3):
        doomed = stage.worker("lasting", "--lease", str(LEASE), "--crash-budget", "2")
        stage.noted(crash)
        doomed.kill()
    stage.worker("lasting", "--lease", str(LEASE), "--crash-budget", "2")
    [row] = stage.finals(1)
    assert (row["outcome"], row["reason"], row["crashes"]) == ("lost", "worker_lost", 2)
    [letter] = stage.ask("dlq", "list")
    assert (letter["job_id"], letter["reason"]) == (job_id, "worker_lost")


def test_a_long_job_runs_once(stage: Stage) -> None:
    """Ten leases long, on the loop, in a thread and in a process, with another worker waiting."""
    stage.scheduler()
    for _ in range(2):
        stage.worker("lasting", "--lease", str(LEASE))
    ids = {stage.enqueue(name, 10.0 * LEASE): name for name in LASTING}
    rows = stage.finals(len(ids), deadline=10.0 * LEASE + 20)
    assert {row["outcome"] for row in rows} == {"succeeded"}
    assert len(stage.rows()) == len(ids)
    assert sum(note["what"] == "began" for note in stage.notes()) == len(ids)


def test_a_blocked_loop_keeps_its_lease(stage: Stage) -> None:
    """A handler that stops the event loop for three leases loses nothing."""
    stage.scheduler()
    for _ in range(2):
        stage.worker("lasting", "--lease", str(LEASE))
    stage.enqueue("block_the_loop", 3.0 * LEASE)
    [row] = stage.finals(1)
    assert row["outcome"] == "succeeded"
    assert len(stage.rows()) == 1


def test_sigterm_under_load(stage: Stage) -> None:
    """The worker leaves within the grace; what it had not finished runs elsewhere, at no cost."""
    grace = 2.0
    stage.scheduler()
    leaving = stage.worker("lasting", "--grace", str(grace))
    short = {stage.enqueue("last", 1.0) for _ in range(20)}
    long = {stage.enqueue(name, 60.0) for name in LASTING for _ in range(5)}
    stage.noted(35)
    heir = stage.worker("lasting", "--concurrency", "60")
    told = datetime.now(UTC)
    assert leaving.stop() == 0
    took = datetime.now(UTC) - told
    assert took < timedelta(seconds=grace + 3)
    stage.noted(50)

    released = stage.rows("outcome = 'released'")
    assert {row["job_id"] for row in released} == long
    assert len(released) == len(long)
    done = stage.finals(len(short))
    assert {row["job_id"] for row in done} == short
    again = {note["job"]: note for note in stage.notes() if note["attempt"] == 1}
    for row in released:
        note = again[row["job_id"]]  # the last one: the run on the other worker
        assert note["at"] - row["finished_at"].timestamp() < 2
        assert stage.queue.find_sync(row["job_id"])[0].worker == heir.events[-1]["worker"]


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(stage: Stage, first: signal.Signals) -> None:
    """The second signal does not wait for the grace; the job goes back at no cost."""
    stage.scheduler()
    worker = stage.worker("lasting", "--grace", "60")
    job_id = stage.enqueue("last", 60.0)
    stage.noted(1)
    worker.send(first)
    worker.event("stopping")
    worker.send(signal.SIGTERM)
    assert worker.wait(10) == 0
    [job] = stage.queue.find_sync(job_id)
    assert (job.state, job.attempts, job.crashes) == ("ready", 0, 0)


def test_a_quiet_worker_takes_nothing_new(stage: Stage) -> None:
    """SIGTSTP: running jobs go on, new ones go to others."""
    stage.scheduler()
    quiet = stage.worker("lasting")
    stage.enqueue("last", 2.0)
    stage.noted(1)
    quiet.send(signal.SIGTSTP)
    quiet.event("worker quiet")
    other = stage.worker("lasting")
    ids = [stage.enqueue("last", 0.0) for _ in range(30)]
    rows = stage.finals(len(ids) + 1)
    assert {row["outcome"] for row in rows} == {"succeeded"}
    pids = {note["pid"] for note in stage.notes() if note["job"] in ids}
    assert pids == {other.process.pid}
    assert quiet.process.poll() is None
    assert quiet.stop() == 0


@pytest.mark.parametrize("name", ["refuse_to_end", "last_in_thread", "hide_in_thread"])
def test_nothing_keeps_a_stopped_worker(stage: Stage, name: str) -> None:
    """A handler that does not end is left behind: its job is back, and the process is gone."""
    stage.scheduler()
    worker = stage.worker("lasting", "--grace", "0.5")
    arguments = [] if name == "refuse_to_end" else [3600.0]
    ids = [stage.enqueue(name, *arguments) for _ in range(3)]
    stage.noted(3)
    worker.send(signal.SIGTERM)
    assert worker.wait(10) == 0
    assert {stage.queue.find_sync(job_id)[0].state for job_id in ids} == {"ready"}


def test_processes_are_workers_of_their_own(stage: Stage) -> None:
    """``--processes 2``: both run jobs, one that is killed is replaced, all end with the parent."""
    stage.scheduler()
    parent = stage.worker("lasting", "--processes", "2", "--lease", str(LEASE), "--grace", "1")
    ids = {stage.enqueue("last", 0.5) for _ in range(200)}
    stage.noted(200)
    pids = {note["pid"] for note in stage.notes()}
    assert len(pids) == 2
    assert parent.process.pid not in pids
    job_id = stage.enqueue("last", 4.0)
    stage.noted(201)
    os.kill(next(note["pid"] for note in stage.notes() if note["job"] == job_id), signal.SIGKILL)
    rows = stage.finals(len(ids) + 1)
    assert {row["outcome"] for row in rows} == {"succeeded"}
    assert [row["outcome"] for row in stage.rows("job_id = %s", job_id)] == ["lost", "succeeded"]
    assert parent.stop() == 0
