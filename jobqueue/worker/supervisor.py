"""Keeps N worker processes running: ``jobqueue worker --processes N``.

Each process is a worker with its own id and leases; this one connects to nothing.

**Signals.** The processes have sessions of their own, so a signal from the terminal comes
here only and is handed on once: SIGTERM and SIGINT as SIGTERM, each time anew, so that
the second one stops the workers at once; SIGTSTP as it is.

**Death.** A process that ends is started again after a jittered pause, which doubles
while its processes don't live long. Where none has ever lived long, the third that
exits with an error ends all: its code says what is wrong with the start, and nobody
would see it in a loop. A signal is no such exit: a job may have killed the worker.

**The supervisor's death** closes a pipe of which every worker holds the other end: each
stops as if by SIGTERM and hands its jobs back.
"""

import asyncio
import contextlib
import logging
import os
import signal
import threading
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Sequence

from jobqueue.domain.backoff import Pause

log = logging.getLogger("jobqueue.worker")

LIFELINE = "_JOBQUEUE_LIFELINE"  # a descriptor; the underscore says that it is no setting
LONG = 30.0  # seconds; above the ten in which a starting worker waits for Redis
ATTEMPTS = 3


def supervise(command: Sequence[str], processes: int) -> int:
    """Run ``processes`` workers until a signal; return the exit code for this program.

    Args:
        command: Program and arguments of one worker, which calls :func:`follow_supervisor`.
        processes: How many.

    Returns:
        0 when all ended in order, else the first other exit code; 128 and its number
        stand for a signal.
    """
    return asyncio.run(_Supervisor(command).run(processes))


def follow_supervisor() -> None:
    """Stop this process by SIGTERM when its supervisor dies; does nothing without one."""
    number = os.environ.pop(LIFELINE, "")  # a program that we start has no supervisor
    if number:
        os.set_inheritable(int(number), False)
        threading.Thread(target=_follow, args=(int(number),), daemon=True).start()


def _follow(lifeline: int) -> None:
    os.read(lifeline, 1)
    log.warning("supervisor is gone")
    os.kill(os.getpid(), signal.SIGTERM)


class _Supervisor:
    """The processes, and why they are to end."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._began: dict[Process, float] = {}
        self._stopping = asyncio.Event()
        self._quiet = False
        self._proven = False  # one has lived long
        self._failed_starts = 0
        self._codes: list[int] = []

    async def run(self, processes: int) -> int:
        """Keep the processes until a signal, or until starting them is no use."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGTSTP, self._be_quiet)
        theirs, ours = os.pipe()
        try:
            await asyncio.gather(*(self._keep(theirs) for _ in range(processes)))
        finally:
            os.close(ours)
            os.close(theirs)
        return next((code for code in self._codes if code), 0)

    async def _keep(self, lifeline: int) -> None:
        pause = Pause()
        while not self._stopping.is_set() and not self._quiet:
            began = time.monotonic()
            code = await self._run_one(lifeline)
            if time.monotonic() - began >= LONG:
                pause.reset()
            if not self._stopping.is_set() and not self._quiet:
                self._judge(code)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause.take())
            elif code != -signal.SIGTERM:  # a worker so young that it had no handler for it yet
                self._codes.append(code if code >= 0 else 128 - code)

    async def _run_one(self, lifeline: int) -> int:
        environment = os.environ | {LIFELINE: str(lifeline)}
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                env=environment,
                stdin=DEVNULL,
                pass_fds=(lifeline,),
                start_new_session=True,
            )
        except OSError as error:
            log.error("worker process not started", extra={"error": str(error)})  # noqa: TRY400 - its text says it all
            return 1
        self._began[process] = time.monotonic()
        if self._stopping.is_set():  # the signal came while it was being made
            process.terminate()
        code = await process.wait()
        self._proven = self._proven or time.monotonic() - min(self._began.values()) >= LONG
        del self._began[process]
        level = logging.INFO if self._stopping.is_set() else logging.WARNING
        log.log(level, "worker process ended", extra={"pid": process.pid, "code": code})
        return code

    def _judge(self, code: int) -> None:
        """Give up where no worker has ever lived long and they keep exiting with errors."""
        if self._proven or code <= 0:
            return
        self._failed_starts += 1
        if self._failed_starts >= ATTEMPTS:
            log.error("workers do not start; giving up", extra={"code": code})
            self._codes.append(code)
            self._stop()

    def _stop(self) -> None:
        self._stopping.set()
        self._send(signal.SIGTERM)

    def _be_quiet(self) -> None:
        self._quiet = True
        self._send(signal.SIGTSTP)

    def _send(self, number: signal.Signals) -> None:
        for process in self._began:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
