"""The built wheel, alone in a new environment, is the product."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support.waiting import wait_until_sync

ROOT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "dist", "build", "tests")
APP = """
from jobqueue import JobQueue

app = JobQueue()


@app.job()
async def add(a: int, b: int) -> int:
    return a + b
"""


@pytest.fixture
def command(tmp_path: Path) -> str:
    """Return the path of ``jobqueue`` in a new environment that holds the wheel.

    Dependencies come from the environment of the tests by path, since nothing is to
    be downloaded; our package is not on that path, for its editable install is a hook.
    """
    source, environment = tmp_path / "source", tmp_path / "environment"
    shutil.copytree(ROOT, source, ignore=LEFT_OUT)
    run = [sys.executable, "-m"]
    build = [*run, "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    subprocess.run([*run, "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    install = [*run, "pip", "-q", "--python", str(python), "install", "--no-deps", "--no-index"]
    subprocess.run([*install, *map(str, tmp_path.glob("*.whl"))], check=True, capture_output=True)
    [packages] = environment.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
    return str(environment / "bin" / "jobqueue")


def test_wheel_migrates_and_works(
    command: str, tmp_path: Path, redis_url: str, postgres_url: str
) -> None:
    """From the wheel alone: migrate, run worker and scheduler, enqueue, find the row."""
    (tmp_path / "shop.py").write_text(APP, "utf-8")
    urls = {"JOBQUEUE_REDIS_URL": redis_url, "JOBQUEUE_DATABASE_URL": postgres_url}
    environment = {"PATH": os.environ["PATH"], **urls}

    def jobqueue(*arguments: str) -> str:
        done = subprocess.run(
            [command, *arguments],
            cwd=tmp_path, env=environment, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout

    assert jobqueue("db", "upgrade").strip()
    services = [
        subprocess.Popen([command, role, "shop:app"], cwd=tmp_path, env=environment)
        for role in ("worker", "scheduler")
    ]
    try:
        job_id = jobqueue("enqueue", "add", "--args", '{"a": 2, "b": 3}').strip()

        def ended() -> bool:
            shown = json.loads(jobqueue("jobs", "show", job_id, "--json"))
            return bool(shown["executions"]) and shown["executions"][0]["result"] == 5

        wait_until_sync(ended, description="the job's row is in the history", deadline=30)
    finally:
        for service in services:
            service.terminate()
    assert [service.wait(30) for service in services] == [0, 0]
