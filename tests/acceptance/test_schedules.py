"""Schedules on the command line, while three schedulers run and one of them is killed."""

import re
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from tests.acceptance.system import System
from tests.support import wait_until_sync

SECOND = timedelta(seconds=1)


def audit(system: System, name: str, n: int, *flags: str) -> list[dict[str, Any]]:
    """Wait until so many occurrences have their rows; return them, oldest first."""

    def found() -> list[dict[str, Any]]:
        rows = system.ask("schedules", "audit", name, "--limit", "1000", *flags)
        return rows if len(rows) >= n else []

    rows: list[dict[str, Any]] = wait_until_sync(
        found, description=f"{n} rows of {name}", deadline=30
    )
    return rows[::-1]


def test_each_occurrence_once(system: System) -> None:
    """Whoever dies, each occurrence is enqueued once and has one row, and none is missing."""
    schedulers = [system.scheduler() for _ in range(3)]
    system.worker("basics")
    added = system.run("schedules", "add", "clock", "nothing", "--every", "1s", "--misfire", "all")
    assert (added.code, added.out[:31]) == (0, "schedule clock stored; next at ")
    audit(system, "clock", 4)
    busiest = max(schedulers, key=lambda each: each.log.count("schedule fired"))
    busiest.kill()
    rows = audit(system, "clock", len(audit(system, "clock", 4)) + 5)
    times = [datetime.fromisoformat(row["occurrence"]) for row in rows]
    assert {b - a for a, b in pairwise(times)} == {SECOND}
    assert {row["outcome"] for row in rows} == {"enqueued"}
    ran = [row["job_id"] for row in system.finals(len(rows))]
    assert len(set(ran)) == len(ran)
    assert {row["job_id"] for row in rows} <= {*ran, *(row["job_id"] for row in rows[-2:])}


def test_an_operators_day(system: System) -> None:
    """Add, look, pause, look why, fire by hand, resume, remove: each at once, each written down."""
    system.scheduler()
    system.worker("basics")
    system.lives("worker")
    often = ("schedules", "add", "often", "nothing", "--every", "1s", "--lock", "L")
    assert system.run(*often).err == ""
    misspelt = system.run("schedules", "add", "wrong", "nothin", "--cron", "@yearly")
    text = "jobqueue: no live worker of queue default knows nothin; did you mean 'nothing'?\n"
    assert (misspelt.code, misspelt.err) == (0, text)
    lost = system.run("schedules", "add", "lost", "nothing", "--cron", "@yearly", "--queue", "x")
    assert lost.err == "jobqueue: no live worker serves queue x\n"
    for each in ("wrong", "lost"):
        assert system.run("schedules", "remove", each, "--yes").code == 0
    report = ("--cron", "30 2 * * *", "--timezone", "America/New_York", "--dst", "every")
    system.run("schedules", "add", "report", "nothing", *report)
    assert system.run("schedules", "add", "report", "nothing", "--every", "5s").code == 4
    assert system.run("schedules", "add", "wrong", "nothing", "--cron", "61 * * * *").code == 2
    assert system.run("schedules", "pause", "gone").code == 3

    begin = ("--after", "2026-03-07T12:00:00Z")
    after = system.run("schedules", "next", "report", "-n", "1", *begin).out.splitlines()
    assert "left out: does not come, clocks go from 02:00 to 03:00" in after[1]
    assert after[2].startswith("2026-03-09 06:30:00.000Z  2026-03-09 02:30:00 EDT")

    assert system.run("schedules", "pause", "often", "--reason", "stock-taking").code == 0
    again = system.run("schedules", "pause", "often", "--reason", "again")
    assert again.out.startswith("schedule often was paused already, by ")
    assert again.out.endswith(": stock-taking\n")
    [*_, last] = audit(system, "often", 2, "--outcome", "skipped")
    assert last["reason"] == "paused"
    assert "stock-taking" in system.run("schedules", "list").out
    shown = system.run("schedules", "show", "often").out
    assert re.search(r"\npaused +by .+ since 20.+Z: stock-taking\n", shown)
    assert "next" not in shown
    assert "paused" in shown.partition("\n\n")[2]
    assert "these are skipped" in system.run("schedules", "next", "often").err
    job = system.run("schedules", "trigger", "often").out.strip()
    system.some(1, f"job_id = '{job}' AND final")
    enqueued = len(audit(system, "often", 1, "--outcome", "enqueued"))
    resumed = {"schedule": "often", "did": "resumed", "was_paused": True}
    assert system.ask("schedules", "resume", "often") == resumed
    again = system.run("schedules", "resume", "often")
    assert (again.code, again.out) == (0, "schedule often was not paused; nothing was done\n")
    audit(system, "often", enqueued + 1, "--outcome", "enqueued")

    found = {"removed": ["often"], "dry_run": True}
    assert system.ask("schedules", "remove", "--lock", "L", "--dry-run") == found
    assert (
        system.run("schedules", "remove", "--lock", "L", "--yes").out == "schedule often removed\n"
    )
    gone = system.run("schedules", "remove", "--lock", "L", "--yes")
    assert (gone.code, gone.err) == (3, "jobqueue: no stored schedule has the lock L\n")
    assert [each["name"] for each in system.ask("schedules", "list")] == ["report"]
    log = system.sql(
        "SELECT action, details->>'schedule' AS name FROM jobqueue.v_operator_log ORDER BY at"
    )
    assert [(row["action"].removeprefix("schedules."), row["name"]) for row in log] == [
        ("add", "often"),
        ("add", "wrong"),
        ("add", "lost"),
        ("remove", "wrong"),
        ("remove", "lost"),
        ("add", "report"),
        ("pause", "often"),
        ("trigger", "often"),
        ("resume", "often"),
        ("remove", None),
    ]
