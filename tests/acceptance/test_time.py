"""Delayed jobs and schedules, with one scheduler, with several, and with one killed."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from statistics import median
from typing import Any

from tests.acceptance.system import System, app_path
from tests.support import wait_until_sync

SOON = timedelta(seconds=1)
GENEROUS = 10 * SOON  # a machine that stands still for a moment is no fault


def test_a_delayed_job_is_never_early(system: System) -> None:
    """No job starts before its time by Redis' clock, and most start soon after."""
    system.scheduler()
    system.worker("basics")
    random = Random(5)
    delays = {}
    for _ in range(50):
        delay = timedelta(milliseconds=random.randrange(1, 2500))
        job = system.queue.ref("nothing").options(delay=delay).enqueue_sync()
        delays[job.id] = delay
    late = [
        row["started_at"] - (row["enqueued_at"] + delays[row["job_id"]])
        for row in system.finals(len(delays))
    ]
    assert timedelta() <= min(late)
    assert median(late) < SOON
    assert max(late) < GENEROUS


def test_an_absolute_time_from_the_shell(system: System) -> None:
    """``--run-at`` holds to the millisecond; a time that is past runs at once."""
    system.scheduler()
    system.worker("basics")
    due = datetime.now(UTC) + timedelta(seconds=3)
    past = system.run("enqueue", "nothing", "--run-at", "2001-01-01T00:00:00Z").out.strip()
    system.run("enqueue", "nothing", "--run-at", due.isoformat())
    first, second = system.finals(2)
    assert first["job_id"] == past
    assert second["started_at"] >= due
    assert second["started_at"] - max(due, second["enqueued_at"]) < GENEROUS


def test_ten_thousand_due_at_once(system: System) -> None:
    """Two schedulers promote the same jobs: each runs once, and no tick has a ceiling."""
    due = datetime.now(UTC) + timedelta(seconds=2)
    job = system.queue.ref("nothing").options(run_at=due)
    sent = {
        each.id for each in system.queue.enqueue_many_sync(job.prepare() for _ in range(10_000))
    }
    system.scheduler()
    system.scheduler()
    system.worker("basics")
    rows = system.finals(len(sent), deadline=60)
    assert sorted(row["job_id"] for row in rows) == sorted(sent)
    assert len(system.rows()) == len(sent)
    assert min(row["started_at"] for row in rows) >= due


def test_three_schedulers_fire_each_occurrence_once(system: System) -> None:
    """No occurrence is fired twice, and none is missing, also when a scheduler is killed.

    One may be: that which passed while Redis, or the whole machine, stood still.
    """
    schedulers = [system.scheduler(app_path("ticking")) for _ in range(3)]
    system.worker("ticking")
    system.finals(5)
    busiest = max(schedulers, key=lambda each: each.log.count("schedule fired"))
    busiest.kill()
    before = len(system.rows())
    rows = system.finals(before + 6)

    fired = occurrences(rows)
    assert len(set(fired)) == len(fired)
    first, *_, last = sorted(fired)
    assert (last - first) // timedelta(seconds=1) + 1 - len(fired) <= 1
    gaps = {later - earlier for earlier, later in pairwise(sorted(fired))}
    assert gaps <= {timedelta(seconds=1), timedelta(seconds=2)}


def occurrences(rows: list[dict[str, Any]]) -> list[datetime]:
    """Times for which jobs were fired: they are part of the ids."""
    return [datetime.fromisoformat(row["job_id"].removeprefix("tick@")) for row in rows]


def test_a_schedule_goes_on_where_it_was(system: System) -> None:
    """A scheduler that starts again neither repeats an occurrence nor begins anew."""
    scheduler = system.scheduler(app_path("ticking"))
    system.worker("ticking")
    system.finals(3)
    assert scheduler.stop() == 0
    system.scheduler(app_path("ticking"))
    fired = occurrences(system.finals(6))
    assert len(set(fired)) == len(fired)


def test_a_scheduler_without_an_app(system: System) -> None:
    """It promotes and records, and fires nothing."""
    scheduler = system.scheduler()
    system.worker("ticking")
    system.run("enqueue", "tick", "--delay", "0.5s")
    system.finals(1)
    wait_until_sync(
        lambda: not system.queue.queue_counts_sync()[0].journal, description="all is recorded"
    )
    assert "schedule fired" not in scheduler.log
    assert len(system.rows()) == 1
