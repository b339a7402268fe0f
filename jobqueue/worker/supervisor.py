"""Keeps N worker processes running: ``jobqueue worker --processes N``.

Each process is a worker with its own id and leases; this one connects to nothing.

**Signals.** The processes have sessions of their own, so a signal from the terminal comes
here only and is handed on once: SIGTERM and SIGINT as SIGTERM, each time anew, so that
the second one stops the workers at once; SIGTSTP as it is.

**Death.** A process that ends is started again after a jittered pause, which doubles
while its processes don't live long. Where none has ever begun to take jobs, the third that
exits with an error ends all: its code says what is wrong with the start, and nobody
would see it in a loop. Once one has begun, whatever ends a process is waited out, or a job
that ends its worker would end all of them and stay with nobody. The process that takes the
place of another is told how that one ended, and tells Redis.

**The supervisor's death** closes its end of every worker's lifeline: each stops as if by
SIGTERM and hands its jobs back.
"""

import asyncio
import contextlib
import logging
import os
import signal
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Sequence
from socket import socket

from jobqueue.domain.backoff import Pause
from jobqueue.probes import processes as probes
from jobqueue.probes.processes import Member, Processes
from jobqueue.probes.server import served
from jobqueue.worker.endings import ending
from jobqueue.worker.lifeline import LIFELINE, PREDECESSOR, Lifeline

log = logging.getLogger("jobqueue.worker")

LONG = 30.0  # seconds; after so long a life the next pause is short again
ATTEMPTS = 3


def supervise(command: Sequence[str], processes: int, listener: socket | None = None) -> int:
    """Run ``processes`` workers until a signal; return the exit code for this program.

    Args:
        command: Program and arguments of one worker, which calls
            :func:`~jobqueue.worker.lifeline.follow_supervisor`, and says when it has begun.
        processes: How many.
        listener: Where to answer the probes for all of them, if anywhere.

    Returns:
        0 when all ended in order, else the first other exit code; 128 and its number
        stand for a signal.
    """
    return asyncio.run(_Supervisor(command, listener).run(processes))


class _Supervisor:
    """The processes, and why they are to end."""

    def __init__(self, command: Sequence[str], listener: socket | None) -> None:
        self._command = command
        self._listener = listener
        self._running: dict[Process, Lifeline] = {}
        self._stopping = asyncio.Event()
        self._quiet = False
        self._proven = False  # one has begun
        self._failed_starts = 0
        self._codes: list[int] = []

    async def run(self, processes: int) -> int:
        """Keep the processes until a signal, or until starting them is no use."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGTSTP, self._be_quiet)
        every = Processes(processes)
        with served(self._listener, every.reasons):
            await asyncio.gather(*(self._keep(member) for member in every.members))
        return next((code for code in self._codes if code), 0)

    async def _keep(self, member: Member) -> None:
        pause, died = Pause(), ""
        while not self._stopping.is_set() and not self._quiet:
            began = time.monotonic()
            pid, code = await self._run_one(member, died)
            died = f"{pid} {code}" if pid else ""
            if time.monotonic() - began >= LONG:
                pause.reset()
            if not self._stopping.is_set() and not self._quiet:
                self._judge(code)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), pause.take())
            elif code != -signal.SIGTERM:  # a worker so young that it had no handler for it yet
                self._codes.append(code if code >= 0 else 128 - code)

    async def _run_one(self, member: Member, died: str) -> tuple[int, int]:
        """Run one process to its end; return its pid, 0 if it was not to be had, and its code."""
        with contextlib.ExitStack() as held:
            try:
                lifeline = held.enter_context(Lifeline())
                process = await self._start(lifeline, member, died)
            except OSError as error:
                log.error("worker process not started", extra={"error": str(error)})  # noqa: TRY400 - its text says it all
                return 0, 1
            code = await self._watch(process, lifeline)
        member.ended()
        level = logging.INFO if self._stopping.is_set() else logging.WARNING
        fields = {"pid": process.pid, "code": code, "how": ending(code)}
        log.log(level, "worker process ended", extra=fields)
        return process.pid, code

    async def _start(self, lifeline: Lifeline, member: Member, died: str) -> Process:
        environment = os.environ | {LIFELINE: str(lifeline.fileno()), PREDECESSOR: died}
        handed = [lifeline.fileno()]
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

    async def _watch(self, process: Process, lifeline: Lifeline) -> int:
        """Wait for the end of a process; return its code."""
        self._running[process] = lifeline
        if self._stopping.is_set():  # the signal came while it was being made
            process.terminate()
        code = await process.wait()
        self._proven = self._proven or lifeline.begun
        del self._running[process]
        return code

    def _judge(self, code: int) -> None:
        """Give up where no worker has ever begun and they keep exiting with errors."""
        # A signal is no such exit: the system may have killed it.
        if code <= 0 or self._proven or any(each.begun for each in self._running.values()):
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
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
