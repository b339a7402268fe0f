"""What a job in a child comes to."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import uvloop

from jobqueue import Job
from jobqueue.domain.handlers import Handler, Kind
from jobqueue.domain.outcomes import Failed, Mismatch, Outcome, Snoozed, Succeeded
from jobqueue.domain.retry import RetrySpec
from jobqueue.worker.children import ChildPool
from tests.integration.worker.conftest import LIMITS, Run, runner
from tests.support import process_jobs as jobs
from tests.support.waiting import wait_until

PRINTING = """
import asyncio, sys
from jobqueue.worker.children import ChildPool
from tests.integration.worker.conftest import LIMITS, runner
from tests.support import process_jobs as jobs

async def main():
    pool = ChildPool(1, LIMITS)
    await runner(pool)(jobs.shout, word="from the child, ")
    print("then from the parent")
    sys.stdout.flush()
    await pool.close()

asyncio.run(main())
"""


LOGGING = """
import asyncio, sys
from jobqueue import logs
from jobqueue.worker.children import ChildPool
from tests.integration.worker.conftest import LIMITS, runner
from tests.support import process_jobs as jobs

async def main():
    pool = ChildPool(1, LIMITS)
    await runner(pool)(jobs.tell, word="hello")
    await pool.close()

if len(sys.argv) > 1:
    logs.configure(*sys.argv[1:], sys.stderr)
    logs.identify(worker="w1")
asyncio.run(main())
"""


def logged(*style: str) -> list[str]:
    """Return the lines on stderr of a program whose child logs; no style configures nothing."""
    command = [sys.executable, "-c", LOGGING, *style]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr.splitlines()


def value(outcome: Outcome) -> bytes | None:
    """Return the result of a job that succeeded."""
    assert isinstance(outcome, Succeeded), outcome
    return outcome.result


def failed(outcome: Outcome) -> Failed:
    """Return the outcome of a job that failed; the exception itself has stayed behind."""
    assert isinstance(outcome, Failed), outcome
    assert outcome.error is None
    return outcome


@pytest.mark.parametrize("job", [jobs.add, jobs.add_async])
async def test_runs(run: Run, job: Job[..., Any, Any]) -> None:
    """Plain and async functions run, with decoded arguments."""
    assert value(await run(job, point={"x": 1, "y": 2})) == b"3"


async def test_finds_functions(run: Run) -> None:
    """A function may be in a class, and its job may have another name than it."""
    assert value(await run(jobs.Jobs.nested)) == b'"nested"'
    assert value(await run(jobs.declared_elsewhere)) == b'"plain"'


async def test_none_is_no_result(run: Run) -> None:
    """A handler that returns nothing leaves nothing."""
    assert value(await run(jobs.remember, word="x")) is None


async def test_knows_its_job(run: Run) -> None:
    """``current_job()`` works there, and what one job sets in its context the next does not see."""
    first = value(await run(jobs.about))
    await run(jobs.remember, word="something")
    assert value(await run(jobs.about)) == first
    assert first is not None
    assert b'"id":"job-1","fence":99,"seen":"nothing"' in first


async def test_a_child_is_used_again(run: Run) -> None:
    """One process runs one job after the other."""
    assert value(await run(jobs.about)) == value(await run(jobs.about))


async def test_no_connection(run: Run) -> None:
    """A child loads nothing that talks to a server."""
    assert value(await run(jobs.loaded)) == b"[]"


async def test_parents_path(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child finds modules where its parent finds them."""
    (tmp_path / "only_here.py").write_text("def job(): return 'found'\n")
    monkeypatch.syspath_prepend(tmp_path)
    from only_here import job  # type: ignore[import-not-found]

    assert value(await run(Handler("job", job, Kind.PROCESS))) == b'"found"'


async def test_started(run: Run) -> None:
    """The parent is told when a handler begins, once."""
    told: list[str] = []
    await run(jobs.fail, kind="value", started=lambda: told.append("started"))
    assert told == ["started"]


async def test_large_values(run: Run) -> None:
    """Arguments of a megabyte get in."""
    word = "x" * 1_000_000
    assert value(await run(jobs.remember, word=word)) is None


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("object", "result_not_json"), ("nan", "result_not_json"), ("big", "result_too_large")],
)
async def test_results_that_are_none(run: Run, kind: str, reason: str) -> None:
    """A result that can't be stored is a failure that no retry heals."""
    assert failed(await run(jobs.answer, kind=kind)).permanent == reason


@pytest.mark.parametrize("job", [jobs.fail, jobs.fail_async])
@pytest.mark.parametrize(
    ("kind", "type_", "message"),
    [
        ("value", "ValueError", "wrong\\x00\\udc00"),
        ("exit", "SystemExit", "3"),
        ("interrupt", "KeyboardInterrupt", ""),
        (
            "unprintable",
            "tests.support.process_jobs.UnprintableError",
            "<message can't be printed: RuntimeError>",
        ),
    ],
)
async def test_failures(
    run: Run, job: Job[..., Any, Any], kind: str, type_: str, message: str
) -> None:
    """Whatever is raised arrives as text, its traceback begins with the handler's frame."""
    failure = failed(await run(job, kind=kind)).failure
    assert (failure.type, failure.message) == (type_, message)
    frames = [line for line in failure.traceback.splitlines() if line.startswith("  File")]
    assert frames
    assert all("process_jobs.py" in line for line in frames)
    assert value(await run(jobs.add, point={"x": 1, "y": 2})) == b"3"


async def test_recursion(run: Run) -> None:
    """Endless recursion is a failure with a bounded traceback."""
    failure = failed(await run(jobs.recurse)).failure
    assert failure.type == "RecursionError"
    assert len(failure.traceback) <= LIMITS.traceback


async def test_what_handlers_ask_for(run: Run) -> None:
    """``Permanent``, ``RetryAfter`` and ``Snooze`` mean what they mean elsewhere."""
    assert failed(await run(jobs.fail, kind="permanent")).permanent == "permanent"
    assert failed(await run(jobs.fail, kind="later")).delay == 7
    assert await run(jobs.fail, kind="snooze") == Snoozed(5)


async def test_retry_rules_of_the_handler(run: Run) -> None:
    """The handler's ``never`` is asked of the true exception, whatever policy the job has."""
    own = RetrySpec(5, 1000, 1000, "constant", "none")
    assert failed(await run(jobs.choosy)).permanent == "not_retried"
    assert failed(await run(jobs.choosy, retry=own)).permanent == "not_retried"


async def test_a_job_replaces_the_backoff_function(run: Run) -> None:
    """A job with a policy of its own waits as that says; the handler's function is not asked."""
    own = RetrySpec(5, 1000, 1000, "constant", "none")
    outcome = failed(await run(jobs.own_backoff, retry=own))
    assert (outcome.delay, outcome.permanent) == (None, "")


async def test_a_policy_of_newer_code(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    """A job's policy with a word that is unknown here is logged; the worker decides."""
    own = RetrySpec(5, 1000, 1000, "cubic", "none")
    outcome = failed(await run(jobs.choosy, retry=own))
    assert (outcome.delay, outcome.permanent) == (None, "")
    assert "'cubic' is unknown" in capfd.readouterr().err


async def test_own_backoff_function(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    """It gets the true exception and the job; one that fails is logged and leaves no wait."""
    assert failed(await run(jobs.own_backoff)).delay == 42
    assert failed(await run(jobs.own_backoff, attempt=2)).permanent == "retries_exhausted"
    broken = failed(await run(jobs.broken_backoff))
    assert (broken.delay, broken.permanent) == (None, "")
    assert "retry policy failed" in capfd.readouterr().err


async def test_mismatch(run: Run) -> None:
    """Arguments that don't fit the child's code are a mismatch; the handler does not start."""
    told: list[str] = []
    outcome = await run(jobs.add, point={"x": "one"}, started=lambda: told.append("started"))
    assert isinstance(outcome, Mismatch)
    assert "x" in outcome.failure.message
    assert told == []


@pytest.mark.parametrize(
    ("module", "name", "type_"),
    [
        ("no_such_module", "job", "ModuleNotFoundError"),
        ("tests.support.process_jobs", "gone", "LookupError"),
    ],
)
async def test_code_is_missing(run: Run, module: str, name: str, type_: str) -> None:
    """Code that the child can't import is a failure with its reason."""

    def job() -> None:
        """Stand for a function of code that has changed."""

    job.__module__, job.__qualname__ = module, name
    failure = failed(await run(Handler("job", job, Kind.PROCESS))).failure
    assert failure.type == type_
    assert name in failure.message or module in failure.message


def test_prints_at_once() -> None:
    """What a handler prints goes to the worker's output when its job ends, not later."""
    done = subprocess.run(
        [sys.executable, "-c", PRINTING], capture_output=True, text=True, check=True
    )
    assert done.stdout == "from the child, then from the parent\n"
    assert done.stderr == ""


def test_logs_like_its_parent() -> None:
    """A handler's log lines are on the worker's stderr, with the fields of job and worker."""
    detail, said = map(json.loads, logged("debug", "json"))
    about = {"job_id": "job-1", "job": "name", "attempt": 1, "worker": "w1", "word": "hello"}
    assert (detail["event"], detail["level"], said["event"]) == ("detail", "debug", "said")
    assert detail.items() >= about.items()
    assert said.items() >= about.items()


def test_logs_for_people() -> None:
    """The form is the parent's, and what its level hides stays hidden."""
    [line] = logged("info", "people")
    assert re.search(r" info +said  word=hello job_id=job-1 job=name attempt=1 worker=w1$", line)
    assert logged("error", "people") == []


def test_own_logging_is_left_alone() -> None:
    """The child of a program that did not configure our logs configures none either."""
    assert logged() == []


def test_on_uvloop(tmp_path: Path) -> None:
    """The faster event loop runs, kills and ends children too."""
    path = tmp_path / "lock"

    async def main() -> None:
        pool = ChildPool(1, LIMITS)
        run = runner(pool)
        assert value(await run(jobs.add, point={"x": 1, "y": 2})) == b"3"
        assert "exit code 3" in failed(await run(jobs.leave, code=3)).failure.message
        task = asyncio.create_task(run(jobs.hang, path=str(path)))
        await wait_until(lambda: jobs.holding(path), description="the handler works")
        task.cancel()
        await asyncio.wait({task})
        assert not jobs.is_held(path)
        assert value(await run(jobs.add, point={"x": 1, "y": 2})) == b"3"
        await pool.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(main())
