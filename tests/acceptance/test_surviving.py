"""Errors that say what is to follow, and those that try to take the worker along."""

import signal
from typing import Any

import pytest

from tests.acceptance.system import PATIENCE, Program, System, app_path
from tests.support import wait_until_sync

PLACES = ["on_loop", "in_thread", "in_process"]
ENDS = {
    "exit": "SystemExit",
    "interrupt": "KeyboardInterrupt",
    "unprintable": "tests.acceptance.apps.surviving.UnprintableError",
    "surrogate": "ValueError",
    "zero": "SystemExit",
}


@pytest.fixture
def worker(system: System) -> Program:
    """A worker of the app that misbehaves."""
    system.scheduler()
    return system.worker("surviving", "--concurrency", "4")


def by_id(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return rows by the ids of their jobs."""
    return {row["job_id"]: row for row in rows}


def test_whatever_ends(system: System, worker: Program) -> None:
    """Exits, interrupts and odd exceptions, wherever they come from, are attempts like others."""
    kinds = [(place, kind) for place in PLACES for kind in ENDS]
    jobs = {system.enqueue(place, kind): (place, kind) for place, kind in kinds}
    died = {system.enqueue("in_process", kind): kind for kind in ("leave", "kill")}
    rows = by_id(system.finals(len(jobs) + len(died), deadline=60))
    for job_id, (place, kind) in jobs.items():
        row = rows[job_id]
        assert (row["outcome"], row["attempt"], row["error_type"]) == ("failed", 1, ENDS[kind])
        assert "surviving.py" in row["traceback"], place
    for job_id in died:
        assert rows[job_id]["error_type"] == "jobqueue.ChildDied"
        assert rows[job_id]["outcome"] == "failed"
    pid = system.queue.ref("alive").enqueue_sync().result_sync(timeout=30)
    assert pid == worker.process.pid
    assert worker.stop() == 0
    assert [row for row in system.rows() if row["outcome"] == "lost"] == []


def test_a_crash_in_middleware(system: System, worker: Program) -> None:
    """What a middleware raises ends the attempt, not the worker; a failing hook ends nothing."""
    alive = system.queue.ref("alive")
    jobs = {
        alive.options(metadata={"crash": where}, retry=0).enqueue_sync().id: error
        for where, error in {"before": "LookupError", "after": "SystemExit"}.items()
    }
    rows = by_id(system.finals(len(jobs)))
    for job_id, error in jobs.items():
        row = rows[job_id]
        assert (row["outcome"], row["attempt"], row["error_type"]) == ("failed", 1, error)
        assert row["started_at"] is not None
    assert alive.enqueue_sync().result_sync(timeout=30) == worker.process.pid
    assert worker.event("hook failed")["hook"] == "failure"


def test_what_exceptions_ask_for(system: System, worker: Program) -> None:
    """``Permanent`` ends it, ``RetryAfter`` costs attempts, ``Snooze`` costs none."""
    jobs = {what: system.enqueue("asks", what) for what in ("permanent", "later", "snooze")}
    rows = by_id(system.finals(3))
    permanent, later, snooze = (rows[job_id] for job_id in jobs.values())
    assert (permanent["outcome"], permanent["attempt"]) == ("failed", 1)
    assert permanent["reason"] == "permanent"
    assert (later["outcome"], later["attempt"], later["result"]) == ("succeeded", 4, 4)
    assert (snooze["outcome"], snooze["attempt"], snooze["result"]) == ("succeeded", 1, 1)
    waits = {
        row["job_id"]: (row["retry_at"] - row["finished_at"]).total_seconds()
        for row in system.rows("NOT final")
    }
    assert all(wait == pytest.approx(0.2, abs=0.01) for wait in waits.values())
    assert len(waits) == 2
    [letter] = system.ask("dlq", "list")
    assert (letter["job_id"], letter["reason"]) == (jobs["permanent"], "permanent")
    assert worker.process.poll() is None


def test_retried_on_some_and_never_on_others(system: System, worker: Program) -> None:
    """``on`` and ``never`` choose by the class of the exception; the letter says why."""
    jobs = {kind: system.enqueue("choosy", kind) for kind in ("retried", "never", "other")}
    rows = by_id(system.finals(3))
    ends = {kind: rows[job_id] for kind, job_id in jobs.items()}
    assert (ends["retried"]["outcome"], ends["retried"]["result"]) == ("succeeded", 2)
    for kind in ("never", "other"):
        assert (ends[kind]["attempt"], ends[kind]["reason"]) == (1, "not_retried")
    assert worker.process.poll() is None


@pytest.mark.parametrize("kind", ["exit", "interrupt"])
def test_an_exit_in_a_task_of_the_handler(system: System, worker: Program, kind: str) -> None:
    """It is the handler's failure too, though asyncio lets it through every frame."""
    job_id = system.enqueue("in_task", kind)
    [row] = system.finals(1)
    assert (row["job_id"], row["outcome"], row["attempt"]) == (job_id, "failed", 1)
    alive = system.queue.ref("alive").enqueue_sync()
    assert alive.result_sync(timeout=30) == worker.process.pid


def test_resources_that_can_not_be_opened(system: System) -> None:
    """The worker says why and exits with an error; its jobs are left for others."""
    job = system.queue.ref("look").enqueue_sync()
    failed = system.run("worker", app_path("opening"), FAILS="start")
    assert failed.code == 1
    assert "no database" in failed.err
    system.worker("opening")
    assert job.result_sync(timeout=30) == "open"


def opening(system: System, how: str, *flags: str) -> Program:
    """Start a worker whose resources are never opened, and wait until it tries to."""
    worker = system.start("worker", app_path("opening"), *flags, HANGS=how)
    wait_until_sync(lambda: "opening" in worker.log, description="it opens", deadline=PATIENCE)
    return worker


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("processes", ["1", "2"])
def test_stopped_while_it_opens_them(
    system: System, number: signal.Signals, processes: str
) -> None:
    """A worker that has taken no job yet has no reason to go on opening."""
    worker = opening(system, "long", "--grace", "300", "--processes", processes)
    worker.send(number)
    assert worker.wait() == 0


def test_stopped_while_it_opens_them_stubbornly(system: System) -> None:
    """What ignores that is left behind after the grace."""
    worker = opening(system, "stubbornly", "--grace", "0.5")
    worker.send(signal.SIGTERM)
    assert worker.wait() == 0


def test_stopped_twice_while_it_opens_them(system: System) -> None:
    """The second signal does not wait for the grace."""
    worker = opening(system, "stubbornly", "--grace", "300")
    worker.send(signal.SIGTERM)
    worker.event("stopping")
    worker.send(signal.SIGINT)
    assert worker.wait() == 0


def test_resources_that_can_not_be_closed(system: System) -> None:
    """Every outcome is written; the exit code tells of it."""
    worker = system.start("worker", app_path("opening"), FAILS="end")
    worker.event("worker started")
    job = system.queue.ref("look").enqueue_sync()
    assert job.result_sync(timeout=30) == "open"
    assert worker.stop() == 1
    assert "already gone" in worker.log
