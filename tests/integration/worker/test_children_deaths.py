"""Children die: by themselves, with their job, with their parent; and outlive what they should."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobqueue import Job
from jobqueue.worker.children import ChildPool
from tests.integration.worker.conftest import Run
from tests.integration.worker.test_children import failed, value
from tests.support import process_jobs as jobs
from tests.support.waiting import wait_until, wait_until_sync

PARENT = """
import asyncio, sys
from jobqueue.worker.children import ChildPool
from tests.integration.worker.conftest import LIMITS, runner
from tests.support import process_jobs as jobs
asyncio.run(runner(ChildPool(1, LIMITS))(getattr(jobs, sys.argv[1]), path=sys.argv[2]))
"""


async def pid_of_child(run: Run) -> int:
    """Return the pid of the child that is taken next."""
    pid: int = json.loads(value(await run(jobs.about)) or b"")["pid"]
    return pid


async def start(run: Run, job: Job[..., Any, Any], path: Path) -> "asyncio.Task[Any]":
    """Start a job that holds the lock ``path``; return when it does."""
    task = asyncio.create_task(run(job, path=str(path)))
    await wait_until(lambda: task.done() or jobs.holding(path), description="the handler works")
    assert not task.done(), task
    return task


async def test_leaves_without_a_word(run: Run) -> None:
    """``os._exit`` ends an attempt with its code, and the next job runs."""
    failure = failed(await run(jobs.leave, code=7)).failure
    assert failure.type == "jobqueue.ChildDied"
    assert failure.message.startswith("ended with exit code 7 (memory ")
    assert value(await run(jobs.add, point={"x": 1, "y": 2})) == b"3"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
async def test_killed(run: Run, number: signal.Signals) -> None:
    """A child that is killed or crashes ends an attempt with the signal's name."""
    failure = failed(await run(jobs.die, number=int(number))).failure
    assert failure.type == "jobqueue.ChildDied"
    assert f"killed by {number.name}" in failure.message


async def test_died_between_two_jobs(run: Run) -> None:
    """A child that died while it was idle costs the next job nothing."""
    pid = await pid_of_child(run)
    os.kill(pid, signal.SIGKILL)
    assert await pid_of_child(run) != pid


async def test_found_dead(run: Run, pool: ChildPool) -> None:
    """A child whose death is known already is not even asked."""
    pid = await pid_of_child(run)
    os.kill(pid, signal.SIGKILL)
    await wait_until(lambda: not pool._idle[0].alive, description="the child's death is known")
    assert await pid_of_child(run) != pid


async def test_dies_when_forked_ones_live(run: Run, tmp_path: Path) -> None:
    """A process that the handler forked does not hide its death, and goes with it."""
    path = tmp_path / "lock"
    failure = failed(await run(jobs.fork_and_leave, path=str(path))).failure
    assert failure.message.startswith("ended with exit code 4 (memory ")
    await wait_until(lambda: not jobs.is_held(path), description="the forked process is gone")


@pytest.mark.parametrize(
    "job", [jobs.hang, jobs.hang_async, jobs.hang_with_gil, jobs.hang_with_program]
)
async def test_cancel_kills(run: Run, tmp_path: Path, job: Job[..., Any, Any]) -> None:
    """A cancelled job's child is gone when the wait ends, with the programs it runs."""
    task = await start(run, job, tmp_path / "lock")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await wait_until(lambda: not jobs.is_held(tmp_path / "lock"), description="it is gone")
    assert value(await run(jobs.add, point={"x": 1, "y": 2})) == b"3"


async def test_bound(run: Run, tmp_path: Path) -> None:
    """A third job waits for one of two children, and has not started meanwhile."""
    tasks = [await start(run, jobs.hang, tmp_path / name) for name in ("1", "2")]
    began: list[str] = []
    third = asyncio.create_task(
        run(jobs.add, point={"x": 1, "y": 2}, started=lambda: began.append("3"))
    )
    await asyncio.wait({third}, timeout=0.2)
    assert began == []
    tasks[0].cancel()
    assert value(await third) == b"3"
    assert began == ["3"]
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_cancelled_while_waiting(run: Run, tmp_path: Path) -> None:
    """Who gives up waiting for a child takes none away."""
    tasks = [await start(run, jobs.hang, tmp_path / name) for name in ("1", "2")]
    third = asyncio.create_task(run(jobs.about))
    await asyncio.wait({third}, timeout=0)
    for task in (third, *tasks):
        task.cancel()
    await asyncio.gather(third, *tasks, return_exceptions=True)
    both = await asyncio.gather(run(jobs.about), run(jobs.about))
    assert value(both[0]) != value(both[1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_outlives_signals(run: Run, number: signal.Signals) -> None:
    """A child works on when its service gets a signal; programs it starts obey theirs."""
    assert value(await run(jobs.shrug, number=int(number))) == f'"alive, {-number}"'.encode()


async def test_forked_pool(run: Run) -> None:
    """Processes that a handler forks end by SIGTERM as they should."""
    assert value(await run(jobs.pool, numbers=[1, 2, 3])) == b"[2,4,6]"


async def test_close_in_order(run: Run, pool: ChildPool, tmp_path: Path) -> None:
    """An idle child does what it has registered for its end."""
    await run(jobs.register_exit, path=str(tmp_path / "end"))
    await pool.close()
    assert (tmp_path / "end").read_text() == "done"


async def test_close_by_force(run: Run, pool: ChildPool, tmp_path: Path) -> None:
    """A child that does not end by itself is killed."""
    await run(jobs.leave_thread, path=str(tmp_path / "lock"))
    assert jobs.is_held(tmp_path / "lock")
    await pool.close()
    assert not jobs.is_held(tmp_path / "lock")


async def test_close_under_a_job(run: Run, pool: ChildPool, tmp_path: Path) -> None:
    """Closing ends a job that still runs as a child's death."""
    task = await start(run, jobs.hang, tmp_path / "lock")
    await pool.close()
    assert failed(await task).failure.type == "jobqueue.ChildDied"


@pytest.mark.parametrize(
    "job",
    [
        "hang",
        pytest.param(
            "hang_with_gil",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills it"),
        ),
    ],
)
def test_dies_with_its_parent(tmp_path: Path, job: str) -> None:
    """``kill -9`` of the worker leaves no child, also none that holds the GIL."""
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", PARENT, job, path]) as parent:
        wait_until_sync(lambda: jobs.holding(path), description="the handler works")
        parent.kill()
    wait_until_sync(lambda: not jobs.is_held(path), description="the child is gone")
