"""Keeps N worker processes running: ``jobqueue worker --processes N``.

Each process is a worker with its own id and leases; this one connects to nothing.

**Signals.** The processes have sessions of their own, so a signal from the terminal comes
here only and is handed on once: SIGTERM and SIGINT as SIGTERM, each time anew, so that
the second one stops the workers at once; SIGTSTP as it is.

**Death.** A process that ends is started again after a jittered pause, which doubles
while its processes don't live long. Where none has ever lived long, the third that
exits with an error ends all: its code says what is wrong with the start, and nobody
would see it in a loop. A signal is no such exit: a job may have killed the worker. The
process that takes the place of another is told how that one ended, and tells Redis.

**The supervisor's death** closes a pipe of which every worker holds the other end: each
stops as if by SIGTERM and hands its jobs back.
"""

import asyncio
import contextlib
import logging
import os
import signal
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Iterator, Sequence
from socket import socket

from jobqueue.domain.backoff import Pause
from jobqueue.probes import processes as probes
from jobqueue.probes.processes import Member, Processes
from jobqueue.probes.server import ProbeServer
from jobqueue.worker.lifeline import LIFELINE, PREDECESSOR

log = logging.getLogger("jobqueue.worker")

LONG = 30.0  # seconds; above the ten in which a starting worker waits for Redis
ATTEMPTS = 3


def supervise(command: Sequence[str], processes: int, listener: socket | None = None) -> int:
    """Run ``processes`` workers until a signal; return the exit code for this program.

    Args:
        command: Program and arguments of one worker, which calls
            :func:`~jobqueue.worker.lifeline.follow_supervisor`.
        processes: How many.
        listener: Where to answer the probes for all of them, if anywhere.

    Returns:
        0 when all ended in order, else the first other exit code; 128 and its number
        stand for a signal.
    """
    return asyncio.run(_Supervisor(command, listener).run(processes))


@contextlib.contextmanager
def _lifeline() -> Iterator[int]:
    """Give the end of a pipe that the processes hold; it closes with this process."""
    theirs, ours = os.pipe()
    try:
        yield theirs
    finally:
        os.close(ours)
        os.close(theirs)


class _Supervisor:
    """The processes, and why they are to end."""

    def __init__(self, command: Sequence[str], listener: socket | None) -> None:
        self._command = command
        self._listener = listener
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
        every = Processes(processes)
        with self._served(every), _lifeline() as lifeline:
            await asyncio.gather(*(self._keep(lifeline, member) for member in every.members))
        return next((code for code in self._codes if code), 0)

    @contextlib.contextmanager
    def _served(self, every: Processes) -> Iterator[None]:
        if self._listener is None:
            yield
            return
        server = ProbeServer(self._listener, every.reasons)
        try:
            yield
        finally:
            server.close()

    async def _keep(self, lifeline: int, member: Member) -> None:
        pause, died = Pause(), ""
        while not self._stopping.is_set() and not self._quiet:
            began = time.monotonic()
            pid, code = await self._run_one(lifeline, member, died)
            died = f"{pid} {code}" if pid else ""
            if time.monotonic() - began >= LONG:
                pause.reset()
            if not self._stopping.is_set() and not self._quiet:
                self._judge(code)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause.take())
            elif code != -signal.SIGTERM:  # a worker so young that it had no handler for it yet
                self._codes.append(code if code >= 0 else 128 - code)

    async def _run_one(self, lifeline: int, member: Member, died: str) -> tuple[int, int]:
        """Run one process to its end; return its pid, 0 if it was not to be had, and its code."""
        try:
            process = await self._start(lifeline, member, died)
        except OSError as error:
            log.error("worker process not started", extra={"error": str(error)})  # noqa: TRY400 - its text says it all
            return 0, 1
        self._began[process] = time.monotonic()
        if self._stopping.is_set():  # the signal came while it was being made
            process.terminate()
        code = await process.wait()
        self._proven = self._proven or time.monotonic() - min(self._began.values()) >= LONG
        del self._began[process]
        member.ended()
        level = logging.INFO if self._stopping.is_set() else logging.WARNING
        log.log(level, "worker process ended", extra={"pid": process.pid, "code": code})
        return process.pid, code

    async def _start(self, lifeline: int, member: Member, died: str) -> Process:
        environment = os.environ | {LIFELINE: str(lifeline), PREDECESSOR: died}
        handed = [lifeline]
        with contextlib.ExitStack() as ours:
            if self._listener is not None:
                place = ours.enter_context(member.open())
                environment[probes.VARIABLE] = str(place.fileno())
                handed.append(place.fileno())
            return await asyncio.create_subprocess_exec(
                *self._command,
                env=environment,
                stdin=DEVNULL,
                pass_fds=handed,
                start_new_session=True,
            )

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
