"""Handlers that a child could not find are refused before a worker starts."""

import subprocess
import sys

import pytest

from jobqueue import ConfigurationError, Retry
from jobqueue.domain.handlers import Handler, Kind
from jobqueue.worker.children import ChildPool
from tests.support import process_jobs as jobs

SCRIPT = """
from jobqueue import ConfigurationError, JobQueue
from jobqueue.worker.children import ChildPool

app = JobQueue("redis://localhost:1")

@app.job(process=True)
def resize():
    pass

@app.job()
def harmless():
    pass

try:
    ChildPool.check(app.jobs.values())
except ConfigurationError as error:
    print(error)
"""


def test_main() -> None:
    """A process handler of the started program is refused with the fix."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("handler 'resize': process=True can't run")
    assert "move resize into a module" in done.stdout
    assert "jobqueue worker MODULE:APP" in done.stdout


def test_findable() -> None:
    """Declared jobs pass, at module level, in a class, or under another name."""
    ChildPool.check(jobs.app.jobs.values())


def handler(qualname: str, retry: Retry | None = None) -> Handler:
    """Return a process handler whose function claims to be ``qualname``."""

    def function() -> None:
        """Stand for a function that is not where it says."""

    function.__module__, function.__qualname__ = jobs.__name__, qualname
    return Handler("job", function, Kind.PROCESS, retry=retry)


@pytest.mark.parametrize(
    ("qualname", "problem"),
    [
        ("<lambda>", "has no function <lambda>"),
        ("gone", "has no function gone"),
        ("double", "would not find this job"),
        ("add", "would not find this job"),
    ],
)
def test_not_findable(qualname: str, problem: str) -> None:
    """A name that leads elsewhere or nowhere is refused."""
    with pytest.raises(ConfigurationError, match=problem):
        ChildPool.check([handler(qualname)])


def test_retry_rules_need_the_declared_job() -> None:
    """Rules that are code can't be applied where the child finds only the plain function."""
    rules = Handler("x", jobs.plain, Kind.PROCESS, retry=Retry(never=ValueError))
    with pytest.raises(ConfigurationError, match="declare it with the decorator"):
        ChildPool.check([rules])
    ChildPool.check([Handler("x", jobs.plain, Kind.PROCESS, retry=Retry(9))])
