"""The pytest plugin, as pytest finds it by its entry point."""

import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

from .conftest import Pytest

APP = """
import pytest
from jobqueue import JobQueue, testing

app = JobQueue("redis://nobody.invalid", "postgresql://nobody.invalid/none")

@app.job()
async def double(n: int) -> int:
    return 2 * n

@pytest.fixture
def queue(jobqueue_connect):
    return jobqueue_connect(app)
"""
SYNC = """
@pytest.mark.parametrize("n", [1, 2])
def test_sync(queue, n):
    assert testing.enqueued(app) == []
    job = double.enqueue_sync(n)
    testing.run_until_idle_sync(app)
    assert job.result_sync() == 2 * n
    double.enqueue_sync(3)

def test_afterwards():
    assert app.settings.redis_url == "redis://nobody.invalid"
"""
ASYNC = """
@pytest.mark.anyio
@pytest.mark.asyncio
async def test_async(queue):
    job = await double.enqueue(1)
    await testing.run_until_idle(app)
    assert await job.result() == 2

@pytest.mark.anyio
@pytest.mark.asyncio
async def test_inside(jobqueue_connect):
    jobqueue_connect(app)
    job = await double.enqueue(1)
    async with app.worker():
        assert await job.result(30) == 2

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""


def test_without_a_plugin_for_async_tests(
    run_pytest: Pytest, tmp_path: Path, redis_url: str
) -> None:
    """Plain tests need nothing else; the app is as before and the server is left as it was."""
    with Redis.from_url(redis_url) as redis:
        redis.set("mine", 1)
        (tmp_path / "test_app.py").write_text(APP + SYNC)
        assert "3 passed" in run_pytest("-p", "no:asyncio", "-p", "no:anyio")
        assert redis.keys() == [b"mine"]
        redis.delete("mine")


@pytest.mark.parametrize("others", ["no:anyio", "no:asyncio"])
def test_with_one(run_pytest: Pytest, tmp_path: Path, others: str) -> None:
    """Async tests work with either plugin, and leave no connection open."""
    marker = others.partition(":")[2]
    (tmp_path / "test_app.py").write_text(APP + ASYNC)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nmarkers = {marker}\n")
    assert "2 passed" in run_pytest("-p", others)


@pytest.mark.keys_not_judged("the server ends with the process that has started it")
def test_embedded_servers(run_pytest: Pytest, tmp_path: Path) -> None:
    """Without variables the servers come from the ``embedded`` extra; the history is empty."""
    history = """
@pytest.mark.parametrize("again", range(2))
def test_history(jobqueue_connect, again):
    jobqueue_connect(app, history=True)
    job = double.enqueue_sync(4)
    testing.run_until_idle_sync(app)
    assert [row.result for row in app.find_sync(job.id)[0].executions] == [8]
    assert app.queue_counts_sync()[0].journal == 0
"""
    (tmp_path / "test_app.py").write_text(APP + history)
    assert "2 passed" in run_pytest(JOBQUEUE_TEST_REDIS_URL="")


def test_own_postgres(run_pytest: Pytest, tmp_path: Path, postgres_url: str) -> None:
    """``JOBQUEUE_TEST_DATABASE_URL`` names a server; the tests use databases of their own."""
    history = """
def test_history(jobqueue_database_url):
    import os
    assert jobqueue_database_url != os.environ["JOBQUEUE_TEST_DATABASE_URL"]
"""
    (tmp_path / "test_app.py").write_text(APP + history)
    assert "1 passed" in run_pytest(JOBQUEUE_TEST_DATABASE_URL=postgres_url)


def test_neither_server_nor_extra(run_pytest: Pytest, tmp_path: Path) -> None:
    """The error says what to install and which variable to set."""
    hide = """
@pytest.fixture(scope="session", autouse=True)
def hidden():
    from jobqueue.embedded import wheels
    wheels.find_spec = lambda name: None
"""
    (tmp_path / "test_app.py").write_text(APP + hide + SYNC)
    out = run_pytest(JOBQUEUE_TEST_REDIS_URL="", code=1)
    assert "install jobqueue[embedded]" in out
    assert "or set JOBQUEUE_TEST_REDIS_URL" in out


def test_fixtures_are_listed(run_pytest: Pytest) -> None:
    """``pytest --fixtures`` shows each with its use."""
    out = run_pytest("--fixtures")
    for name in ("redis_url", "postgres_url", "database_url", "connect"):
        assert f"jobqueue_{name}" in out


def test_a_suite_that_does_not_use_it_loads_nothing(run_pytest: Pytest, tmp_path: Path) -> None:
    """No client of a server is imported where no fixture is used."""
    (tmp_path / "test_other.py").write_text(
        "import sys\n"
        "def test_other():\n"
        "    assert 'jobqueue.testing.plugin' in sys.modules\n"
        "    slow = {'redis', 'croniter', 'sqlalchemy', 'alembic', 'psycopg', 'typer'}\n"
        "    assert slow & set(sys.modules) == set()\n"
    )
    assert "1 passed" in run_pytest()


def test_names_import_no_client() -> None:
    """``from jobqueue import testing`` is as cheap as ``import jobqueue``."""
    code = "import sys; from jobqueue import testing; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"redis", "psycopg", "sqlalchemy", "croniter"} & set(done.stdout.split()) == set()
