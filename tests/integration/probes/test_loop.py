"""A blocked event loop is noticed, named and reported, and only a limit ends the process."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from jobqueue.probes import loop as watching
from jobqueue.probes.loop import LoopWatch
from tests.support import wait_until
from tests.support.released import Released
from tests.support.stage import Stage

LIMITED = """
import asyncio, sys, time, logging
from jobqueue.probes.loop import LoopWatch
async def main():
    LoopWatch(limit=float(sys.argv[1])).start()
    time.sleep(30)
logging.basicConfig(format="%(message)s")
asyncio.run(main())
"""
STOPPED = """
import asyncio, os, signal, sys, logging
from jobqueue.probes.loop import LoopWatch
async def looks(watch, times):
    for _ in range(times):
        last = watch._answered
        while watch._answered == last:
            await asyncio.sleep(0.01)
async def main():
    watch = LoopWatch(limit=1.5)
    watch.start()
    await looks(watch, 1)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await looks(watch, 3)
    watch.stop()
logging.basicConfig(format="%(message)s")
asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Notice after a fifth of a second."""
    monkeypatch.setattr(watching, "EVERY", 0.05)
    monkeypatch.setattr(watching, "NOTICE", 0.2)


def blocked(caplog: pytest.LogCaptureFixture) -> list[Any]:
    """Return the log records about a blocked loop."""
    return [each for each in caplog.records if each.message == "event loop blocked"]


async def test_says_who_blocks_it(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """The log names handler and line, again after twice the time; health says it meanwhile."""
    release = Released(lambda: len(blocked(caplog)) >= 3)

    @stage.app.job(name="reports.crunch")
    async def crunch() -> None:
        release.wait()

    async with stage.app.worker() as worker:
        release.begin(worker.health)
        await (await crunch.enqueue()).result(30)
        await wait_until(lambda: worker.health().dead == (), description="it turns again")
    first, second, third = blocked(caplog)[:3]
    assert {each.handler for each in (first, second, third)} == {"reports.crunch"}
    assert first.at.startswith(f"{__file__}:")
    assert " in crunch" in first.at
    assert " in wait" in first.at
    assert 0.2 <= first.seconds < second.seconds < third.seconds
    [reason] = release.last.dead
    assert "the event loop is blocked for " in reason
    assert ": handler reports.crunch at " in reason


@pytest.mark.skipif(sys.version_info < (3, 12), reason="a task does not tell its context before")
async def test_a_task_of_a_handler(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """A task that a handler has made is its own."""
    release = Released(lambda: bool(blocked(caplog)))

    @stage.app.job()
    async def gather() -> None:
        async def part() -> None:
            release.wait()

        await asyncio.gather(part(), asyncio.sleep(0))

    async with stage.app.worker():
        release.begin()
        await (await gather.enqueue()).result(30)
    assert blocked(caplog)[0].handler == "gather"


async def test_a_callback_of_nobody(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """What is no handler's has a line all the same."""
    release = Released(lambda: bool(blocked(caplog)))
    async with stage.app.worker():
        release.begin()
        asyncio.get_running_loop().call_soon(release.wait)
        await wait_until(lambda: blocked(caplog), description="it was noticed")
    assert blocked(caplog)[0].handler is None
    assert " in wait" in blocked(caplog)[0].at


async def test_a_middleware_is_the_handlers(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """What runs around a handler blocks in its name."""
    release = Released(lambda: bool(blocked(caplog)))

    @stage.app.middleware(around="run")
    async def slow(_job: Any, go: Callable[[], Any]) -> Any:
        release.wait()
        return await go()

    @stage.app.job()
    async def quick() -> None:
        """Do nothing."""

    async with stage.app.worker():
        release.begin()
        await (await quick.enqueue()).result(30)
    assert blocked(caplog)[0].handler == "quick"


async def test_short_blocks_are_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loop that is busy all the time, but turns, is well."""
    # A second, within which any machine gets round to its loop; and twice as many signs.
    monkeypatch.setattr(watching, "NOTICE", 1.0)
    watch = LoopWatch()
    watch.start()
    signs = {watch._answered}
    while len(signs) < 40:
        threading.Event().wait(0.01)
        await asyncio.sleep(0)
        signs.add(watch._answered)
    watch.stop()
    assert blocked(caplog) == []
    assert watch.problem is None


def test_the_limit_ends_the_process() -> None:
    """Past the limit the process ends with 1, and its last line says why."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "1.2"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "event loop blocked past its limit; the process ends"


@pytest.mark.skipif(sys.platform != "linux", reason="needs a monotonic clock that goes on")
def test_a_stopped_process_is_not_blocked() -> None:
    """SIGSTOP for longer than the limit costs nothing: nobody has blocked anything."""
    with subprocess.Popen(
        [sys.executable, "-c", STOPPED],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        _stop_for(process.pid, 2.5)
        _, errors = process.communicate("go\n", timeout=60)
    assert (process.returncode, errors) == (0, "")


def _stop_for(pid: int, seconds: float) -> None:
    os.kill(pid, signal.SIGSTOP)
    threading.Event().wait(seconds)
    os.kill(pid, signal.SIGCONT)
