"""Runs one service as the business of this process: its loop, its signals, its end.

SIGTERM and SIGINT stop the service, which gets its grace; a second one stops it at once;
SIGTSTP makes a worker quiet. One that has not begun its duty yet is cancelled: an app's
resources that are never opened may take the grace for their clean-up, and no more. Beside this
module only ``dev`` touches signals.

At the end nothing may keep the process: neither a handler that ignores its
cancellation nor a thread that never returns. Their jobs have been handed back by then, so the
process leaves without them.
"""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from socket import socket
from typing import Any, TypeVar

from jobqueue.cli.probes import Answers
from jobqueue.probes.server import served
from jobqueue.services.running import Runs, freeze_what_is_loaded

log = logging.getLogger("jobqueue")

EARLY = "stopped before the start was complete"
LAST_CALL = 0.5  # seconds that what should have ended gets to end


S = TypeVar("S", bound=Runs)


def serve(
    make: Callable[[], Awaitable[S]],
    *,
    probes: socket | None = None,
    begun: Callable[[], None] = lambda: None,
    quiet: Callable[[S], None] | None = None,
    grace: float = 0.0,
) -> None:
    """Run a service until it has stopped.

    Args:
        make: Connects and returns the service; a signal during this ends it.
        probes: Where to say how the service is, if anywhere.
        begun: Called when the service has begun its duty.
        quiet: What SIGTSTP does to the service, if anything.
        grace: Seconds to clean up for a service that is stopped before it has begun.
    """
    answers = Answers()
    runner = asyncio.Runner(loop_factory=_fastest_loop())
    try:
        with served(probes, answers.reasons):  # it ends before we look which threads do not
            runner.run(_serve(make, answers, begun, quiet, grace))
    finally:
        _leave(runner, answers.service)


def _fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _serve(
    make: Callable[[], Awaitable[S]],
    answers: Answers,
    begun: Callable[[], None],
    quiet: Callable[[S], None] | None,
    grace: float,
) -> None:
    loop = asyncio.get_running_loop()
    starting = asyncio.ensure_future(make())
    stopping = _Stopping(starting)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.hear, number)
    try:
        service = await starting
    except asyncio.CancelledError:
        log.info(EARLY)
        return
    freeze_what_is_loaded()
    answers.service = service
    if quiet is not None:
        loop.add_signal_handler(signal.SIGTSTP, quiet, service)
    running = asyncio.create_task(service.run())
    if await _begins(service, running, stopping.told):
        if not running.done():
            begun()
        await running
    else:
        log.info(EARLY)
        await _give_up(running, stopping.again, grace)


class _Stopping:
    """What signals have asked for; one for the whole life: a signal between two would be lost."""

    def __init__(self, starting: "asyncio.Future[Any]") -> None:
        self._starting = starting
        self.told, self.again = asyncio.Event(), asyncio.Event()

    def hear(self, number: signal.Signals) -> None:
        """Stop the service, or give its start up."""
        starting = self._starting
        if starting.cancel() or starting.cancelled() or starting.exception():
            return
        log.info("stopping", extra={"signal": number.name})
        (self.again if self.told.is_set() else self.told).set()
        starting.result().stop()


async def _begins(service: Runs, running: "asyncio.Task[None]", told: asyncio.Event) -> bool:
    """Wait until a service has begun its duty, or ended; say no when it is told to stop before."""
    begun, stopped = asyncio.create_task(service.started()), asyncio.create_task(told.wait())
    await asyncio.wait({begun, running, stopped}, return_when=asyncio.FIRST_COMPLETED)
    for task in (begun, stopped):
        task.cancel()
    return begun.done() or running.done()


async def _give_up(running: "asyncio.Task[None]", again: asyncio.Event, grace: float) -> None:
    """Cancel a service; wait no longer than the grace, and not after another signal."""
    running.cancel()
    hurry = asyncio.create_task(again.wait())
    await asyncio.wait({running, hurry}, timeout=grace, return_when=asyncio.FIRST_COMPLETED)
    if running.done() and not running.cancelled():
        running.result()


def _leave(runner: asyncio.Runner, service: Runs | None) -> None:
    """Close the loop; when something does not let go, leave the process here and now."""
    loop = runner.get_loop()
    # A job that was handed back while its handler runs may start elsewhere in this moment.
    stuck = (service and service.left) or loop.run_until_complete(_stuck())
    if not stuck:
        runner.close()
        return
    failed = sys.exc_info()[0] is not None
    log.warning("leaving handlers behind that do not end", extra={"left": stuck})
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1 if failed else 0)


async def _stuck() -> list[str]:
    """End what is left; return the names of tasks and threads that refuse to."""
    loop = asyncio.get_running_loop()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    pool = asyncio.create_task(loop.shutdown_default_executor())
    _done, left = await asyncio.wait({*tasks, pool}, timeout=LAST_CALL)
    names = [each.get_name() for each in left if each is not pool]
    threads = [each for each in threading.enumerate() if _keeps_us(each)]
    end = loop.time() + LAST_CALL
    for thread in threads:
        thread.join(max(0.0, end - loop.time()))
    return names + [each.name for each in threads if each.is_alive()]


def _keeps_us(thread: threading.Thread) -> bool:
    """Whether a thread would hold up the interpreter's end, or write into it."""
    if thread is threading.main_thread():
        return False
    return not thread.daemon or thread.name.startswith("jobqueue-")
