"""Services as an operator sees them: their health, their logs, and servers that are away."""

import json
import signal
from pathlib import Path

import pytest

from tests.acceptance.system import System, app_path
from tests.support import wait_until_sync

NOWHERE = "redis://127.0.0.1:1"


@pytest.mark.parametrize("role", ["worker", "scheduler", "recorder"])
def test_health(system: System, role: str) -> None:
    """Nobody there: 1. There, and well: 0. Told to stop: 1 again."""
    assert system.run("health", role).code == 1
    service = system.start(role, *([app_path("basics")] if role == "worker" else []))
    system.lives(role)
    [one] = system.ask("health", role)
    assert one["problem"] is None
    assert service.stop() == 0
    assert system.run("health", role).code == 1


def test_health_of_a_scheduler_that_records(system: System) -> None:
    """With a database URL a scheduler counts as a recorder; without one it does not."""
    plain = system.start("scheduler", JOBQUEUE_DATABASE_URL="")
    plain.event("service started")
    system.lives("scheduler")
    assert system.run("health", "scheduler").code == 0
    assert system.run("health", "recorder").code == 1
    assert "no database_url" in plain.log
    system.scheduler()
    system.lives("scheduler", 2)
    assert [each["problem"] for each in system.ask("health", "recorder")] == [None]


def test_postgresql_is_away(system: System) -> None:
    """A scheduler starts without PostgreSQL, promotes, and reports what it can't do."""
    away = "postgresql://nobody@127.0.0.1:1/nothing"
    unable = system.start("scheduler", JOBQUEUE_DATABASE_URL=away)
    unable.event("service started")
    system.worker("basics")
    job_id = system.run("enqueue", "count", "--args", "[1]", "--delay", "0.2s").out.strip()
    system.noted(1)
    shown = system.run("jobs", "show", job_id, JOBQUEUE_DATABASE_URL=away)
    assert shown.code == 5  # what Redis knows is told, and that it is not all
    assert "state       succeeded" in shown.out
    assert shown.err.startswith("jobqueue: without its history: PostgreSQL: ")
    assert system.run("dlq", "list", JOBQUEUE_DATABASE_URL=away).code == 5

    def unwell() -> bool:
        [one] = system.queue.living_sync("scheduler")
        return bool(one["duties"]["recorder"])

    wait_until_sync(unwell, description="the recorder reports its problem")
    ended = system.run("health", "recorder", "--json")
    assert ended.code == 1
    assert "PostgreSQL" in json.loads(ended.out)[0]["problem"]
    assert unable.stop() == 0
    system.scheduler()
    [row] = system.finals(1)  # what a recorder held is taken after 5 s of silence
    assert row["job_id"] == job_id


@pytest.mark.parametrize("role", ["worker", "scheduler"])
def test_redis_is_away_at_the_start(system: System, role: str) -> None:
    """A service tries for ten seconds, then says so in one line and exits with 5."""
    service = system.start(role, app_path("basics"), "--redis-url", NOWHERE)
    assert service.wait(40) == 5
    assert service.log.startswith("jobqueue: Redis can't be reached: ")
    assert service.log.count("\n") == 1


def test_a_signal_while_connecting(system: System) -> None:
    """A service that waits for Redis can be stopped, and has not failed."""
    service = system.start(
        "worker", app_path("basics"), "--redis-url", NOWHERE, "--log-level=debug"
    )
    handled = f"{1 << (signal.SIGTERM - 1):x}"

    def ready() -> bool:
        status = Path(f"/proc/{service.process.pid}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
        return bool(int(caught.split()[1], 16) & int(handled, 16))

    wait_until_sync(ready, description="SIGTERM is handled")
    assert service.stop() == 0


def test_log_lines_say_whose_they_are(system: System) -> None:
    """Each line of a running job, the handler's own too, has id, name, attempt and worker."""
    worker = system.worker("failing", "--log-format", "json")
    ids = {system.enqueue("hopeless", f"job {n}") for n in range(5)}

    def lines() -> list[dict[str, object]]:
        return [each for each in worker.events if each.get("job_id") in ids]

    wait_until_sync(lambda: len(lines()) >= 10, description="two lines for each job")
    name = worker.event("worker started")["worker"]
    for line in lines():
        assert (line["job"], line["attempt"], line["worker"]) == ("hopeless", 1, name)
    assert {line["event"] for line in lines()} == {"about to fail", "job failed"}
    assert worker.stop() == 0
    assert all(line["worker"] == name for line in worker.events[1:])


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (["worker", "tests.acceptance.apps.basics:ap"], "app tests.acceptance.apps.basics:ap: "),
        (["worker", "nowhere:app"], "app nowhere:app: there is no module 'nowhere'"),
        (
            ["worker", app_path("basics"), "--queues", "a:6,b"],
            "queues (command line): 'a:6,b' gives",
        ),
        (["worker", app_path("basics"), "--redis-url", "http://x"], "redis_url (command line): "),
        (["scheduler", "nowhere:app"], "app nowhere:app: there is no module 'nowhere'"),
    ],
)
def test_wrong_calls_of_services(system: System, call: list[str], line: str) -> None:
    """A service that can't begin says why in one line, and exits with 2 at once."""
    ended = system.run(*call)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"jobqueue: {line}")
    assert ended.err.count("\n") == 1
