"""Whatever a child process does is an attempt of its job, and the worker lives on."""

from pathlib import Path
from typing import Any

import pytest

from jobqueue import JobHandle
from tests.support import child_jobs as children
from tests.support.process_jobs import is_held
from tests.support.stage import Stage, stage_with

UNPRINTABLE = "tests.support.process_jobs.UnprintableError"
ENDS = {
    "error": ("LookupError", "lost"),
    "exit": ("SystemExit", "3"),
    "interrupt": ("KeyboardInterrupt", ""),
    "unprintable": (UNPRINTABLE, "<message can't be printed: RuntimeError>"),
    "surrogate": ("ValueError", "a\\x00b\\ud800"),
    "memory": ("MemoryError", ""),
    "recursion": ("RecursionError", "maximum recursion depth exceeded"),
    "leave": ("jobqueue.ChildDied", "ended with exit code 5"),
    "kill": ("jobqueue.ChildDied", "killed by SIGKILL"),
}


async def last_row(stage: Stage, job: JobHandle[Any]) -> Any:
    """Run a job, then another one in the same worker; return the first one's row."""
    async with stage.app.worker(concurrency=1):
        [row] = await stage.ended(job.id, deadline=60)
        assert await (await children.alive.enqueue()).result(timeout=60) == "alive"
    return row


@pytest.mark.parametrize("kind", ENDS)
async def test_every_end_is_an_attempt(redis_url: str, kind: str) -> None:
    """An exception of any class, an exit and a kill: an attempt with type, text and traceback."""
    async with stage_with(children.app, redis_url) as stage:
        job = await children.fail.enqueue(kind)
        row = await last_row(stage, job)
    name, message = ENDS[kind]
    assert (row.outcome, row.attempt, row.reason) == ("failed", 1, "retries_exhausted")
    assert row.error_type == name
    assert (row.error_message or "").startswith(message)
    assert 0 < row.started_us <= row.finished_us
    if name != "jobqueue.ChildDied":
        assert "child_jobs.py" in (row.traceback or "")
        assert "worker/child.py" not in (row.traceback or "")


async def test_permanent_and_snooze(redis_url: str) -> None:
    """What a child asks for by its exceptions is done."""
    async with stage_with(children.app, redis_url) as stage:
        permanent = await children.fail.enqueue("permanent")
        snooze = await children.fail.enqueue("snooze")
        async with stage.app.worker():
            [row] = await stage.ended(permanent.id, deadline=60)
            await stage.reaches(snooze.id, "scheduled")
    assert (row.attempt, row.reason) == (1, "permanent")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("object", "result_not_json"), ("nan", "result_not_json"), ("big", "result_too_large")],
)
async def test_a_result_that_is_none(redis_url: str, kind: str, reason: str) -> None:
    """A child's result has to be JSON, and small enough, like any other."""
    async with stage_with(children.app, redis_url) as stage:
        row = await last_row(stage, await children.answer.enqueue(kind))
    assert (row.outcome, row.reason, row.result) == ("failed", reason, None)


async def test_a_timeout(redis_url: str, tmp_path: Path) -> None:
    """A child that runs too long is killed, and its slot is free when it is gone."""
    async with stage_with(children.app, redis_url) as stage:
        path = tmp_path / "lock"
        row = await last_row(stage, await children.hang.options(timeout=0.3).enqueue(str(path)))
        assert not is_held(path)
    assert (row.outcome, row.error_message) == ("timed_out", "ran longer than its timeout of 0.3 s")


async def test_not_counted(redis_url: str, tmp_path: Path) -> None:
    """A child asks its handler's ``is_failure`` as well."""
    async with stage_with(children.app, redis_url) as stage:
        job = await children.busy.enqueue(str(tmp_path / "free"))
        async with stage.app.worker(), stage.app.scheduler():
            await stage.reaches(job.id, "retrying")
            (tmp_path / "free").touch()
            assert await job.result(timeout=60) == 1
        assert {row.attempt for row in await stage.rows(job.id)} == {1}
