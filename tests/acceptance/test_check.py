"""``jobqueue check`` as a pipeline calls it, before a deployment."""

from pathlib import Path

import pytest

from tests.acceptance.system import System, app_path


def test_the_code_that_is_deployed_fits(system: System) -> None:
    """Jobs of this code fit this code; without --live no server is needed."""
    system.enqueue("count", 1)
    ended = system.run("check", app_path("basics"), "--live")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[-1] == "stored jobs looked at: 1 waiting, 0 scheduled, 0 dead"
    alone = system.run("check", app_path("basics"), JOBQUEUE_REDIS_URL="redis://127.0.0.1:1")
    assert (alone.code, alone.out) == (0, "4 jobs declared, 0 problems\n")


def test_code_that_would_break_stored_jobs(system: System) -> None:
    """Removed names and renamed arguments are shown with examples; exit code 1."""
    waiting, dead = system.enqueue("count", 1), system.enqueue("echo", value=(3,))
    system.queue.ref("echo").options(delay=60, queue="later").enqueue_sync(value="x")
    ended = system.run("check", app_path("renamed"), "--live", "--queue", "default")
    assert ended.code == 1
    assert "count  no such job" in ended.out
    assert "did you mean 'counts'?" in ended.out
    assert waiting in ended.out
    assert dead in ended.out
    both = system.run("check", "--app", app_path("renamed"), "--live", "--json")
    assert both.code == 1
    assert '"examined": {' in both.out
    assert "later" in both.out


APP = """
from jobqueue import JobQueue, Limit
app = JobQueue()
app.queue("mail", partitions=4)
@app.job(queue="mail", limit=Limit(2))
def one(): pass
{more}
"""
TWICE = """
@app.job(name="one")
def two(): pass
"""


def test_an_app_that_can_not_run(system: System, tmp_path: Path) -> None:
    """What a worker would refuse is a problem; a name that is taken keeps an app from loading."""
    module = tmp_path / "mine.py"
    module.write_text(APP.format(more=""))
    ended = system.run("check", "mine:app")
    assert (ended.code, ended.err) == (1, "")
    assert ended.out.startswith("1 job declared, 1 problem\n\nerror  queue 'mail' has 4 partitions")
    module.write_text(APP.format(more=TWICE))
    ended = system.run("check", "mine:app")
    assert (ended.code, ended.out) == (2, "")
    assert "job 'one' is declared twice" in ended.err


@pytest.mark.parametrize("url", ["JOBQUEUE_REDIS_URL", "JOBQUEUE_DATABASE_URL"])
def test_a_server_that_is_away(system: System, url: str) -> None:
    """A pipeline does not go on where jobs could not be looked at."""
    scheme = "redis" if "REDIS" in url else "postgresql"
    away = {url: f"{scheme}://127.0.0.1:1/0"}
    ended = system.run("check", app_path("basics"), "--live", **away)
    assert ended.code == 5
    assert ended.err.count("\n") == 1


def test_a_queue_without_live(system: System) -> None:
    """What has no meaning is refused."""
    assert system.run("check", app_path("basics"), "--queue", "default").code == 2
