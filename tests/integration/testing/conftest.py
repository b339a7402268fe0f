"""An app that is connected to a test server, and pytest in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobqueue import JobQueue
from jobqueue.settings import Settings
from jobqueue.testing import Connect
from jobqueue.testing.apps import App
from jobqueue.testing.connecting import A
from tests.support import keyspace

Pytest = Callable[..., str]


@pytest.fixture
def jobqueue_redis_url(jobqueue_redis_url: str) -> Iterator[str]:
    """The plugin's server; whoever was connected to it has removed every key."""
    yield jobqueue_redis_url
    keyspace.check(jobqueue_redis_url, [])


@pytest.fixture
def jobqueue_connect(jobqueue_connect: Connect, jobqueue_redis_url: str) -> Iterator[Connect]:
    """The plugin's fixture; before it removes the keys, each has a lifetime or an owner."""
    apps: list[App] = []

    def connect(app: A, *, history: bool = False) -> A:
        apps.append(jobqueue_connect(app, history=history))
        return app

    yield connect
    keyspace.check(jobqueue_redis_url, [app.wiring.calls.keys.prefix for app in apps])


@pytest.fixture
def app(jobqueue_connect: Connect) -> JobQueue:
    """An app without jobs, connected."""
    return jobqueue_connect(JobQueue(settings=Settings(grace=5.0)))


@pytest.fixture
def run_pytest(tmp_path: Path, redis_url: str) -> Pytest:
    """Run pytest as a user would, in an empty folder, with every warning an error."""

    def run(*options: str, code: int = 0, **variables: str) -> str:
        given = {"JOBQUEUE_TEST_REDIS_URL": redis_url} | variables
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JOBQUEUE_", "PYTEST_"))}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:valkey",
            "-p",
            "no:cacheprovider",
        ]
        if "no:asyncio" not in options:
            command += ["-o", "asyncio_default_fixture_loop_scope=function"]
        command += ["-W", "error", *options]
        done = subprocess.run(
            command,
            cwd=tmp_path, env=kept | given, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return run
