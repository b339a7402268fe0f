"""A person looks: lists, reasons, queues, workers and statistics on the command line."""

import json
import signal
import subprocess
import sys

from tests.acceptance.system import System
from tests.support import wait_until_sync


def test_looking_around(system: System) -> None:
    """Each command tells people and programs the same of a job that waits and one that has run."""
    system.scheduler()
    system.worker("basics")
    done = system.enqueue("echo", 1)
    system.finals(1)
    late = system.run("enqueue", "echo", "--args", "[2]", "--delay", "1h", "--tag", "x").out.strip()
    lost = system.run("enqueue", "echo", "--args", "[3]", "--queue", "nowhere").out.strip()

    listed = system.ask("jobs", "list")["jobs"]
    assert [job["id"] for job in listed] == [lost, late, done]
    assert [job["state"] for job in listed] == ["ready", "scheduled", "succeeded"]
    [tagged] = system.ask("jobs", "list", "--tag", "x", "--state", "scheduled")["jobs"]
    assert (tagged["id"], tagged["priority"]) == (late, "normal")
    page = system.run("jobs", "list", "--limit", "1")
    assert lost in page.out
    mark = page.err.rpartition("--after ")[2].strip()
    assert late in system.run("jobs", "list", "--limit", "1", "--after", mark).out

    why = system.run("why", late)
    assert why.out.startswith("scheduled: it is not due until ")
    assert why.out.endswith(f"\n  jobqueue jobs run-now {late} --queue default\n")
    why = system.run("why", lost)
    assert why.out.splitlines()[:2] == [
        "ready: no live worker serves queue nowhere",
        "  jobqueue worker MODULE:APP --queues nowhere",
    ]
    assert system.ask("why", done)["reasons"][0]["kind"] == "succeeded"
    assert system.run("why", "nobody").code == 3
    shown = system.ask("jobs", "show", late)
    assert [each["kind"] for each in shown["waits_for"]] == ["due"]
    assert "\nwaits" in system.run("jobs", "show", late).out

    [row] = system.ask("queues", "default", "--by", "name")
    assert (row["name"], row["scheduled"], row["succeeded"]) == ("echo", 1, 1)
    system.run("pause", "default", "--reason", "deploy")
    assert "queue default is paused by " in system.run("queues").out
    system.run("resume", "default")

    [worker] = system.ask("workers", "list")
    assert (worker["state"], worker["done"]) == ("up", 1)
    assert "names" in system.run("workers", "show", worker["id"]).out
    assert system.run("workers", "show", "nobody").code == 3
    stats = system.ask("stats", "--since", "1h")
    assert [(each["name"], each["runs"]) for each in stats["names"]] == [("echo", 1)]
    assert "LONGEST WAIT" in system.run("stats").out


def test_watching(system: System) -> None:
    """``--watch`` shows what changes, JSON in a line each, until Ctrl-C."""
    command = [sys.executable, "-m", "jobqueue", "queues", "--json", "--watch", "--every", "0.2"]
    watch = subprocess.Popen(command, env=system.environment, stdout=subprocess.PIPE, text=True)
    assert watch.stdout is not None
    assert json.loads(watch.stdout.readline()) == []
    system.enqueue("echo", 1)
    found = wait_until_sync(
        lambda: json.loads(watch.stdout.readline() if watch.stdout else ""),
        description="the new queue is shown",
    )
    assert [each["name"] for each in found] == ["default"]
    watch.send_signal(signal.SIGINT)
    assert watch.wait(30) == 130
    watch.stdout.close()
