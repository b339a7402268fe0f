"""One child process, as the worker sees it: its socket, its death and its end."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Self

from jobqueue import logs
from jobqueue.domain.context import Progress
from jobqueue.worker.child import LEAVING
from jobqueue.worker.frames import SHUTTING_DOWN, Answer, take_answer
from jobqueue.worker.reaped import Reaped

READY = 60.0  # seconds that a child may take to import a job's code
CHUNK = 1 << 16


class Spawned:
    """One child process and the socket to it."""

    def __init__(self, process: Reaped, ours: socket.socket) -> None:
        self._process = process
        self._socket = ours
        self._buffer = bytearray()
        self._proven = False  # it has answered
        self._began = False
        self._sending = False  # a request is on its way, and nothing may come between
        self._shutting_down = False

    @classmethod
    def start(cls) -> Self:
        """Spawn a child.

        Raises:
            OSError: The system has no process or memory to give.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        path = [str(entry) for entry in sys.path]
        fd = theirs.fileno()
        code = (
            f"import sys; sys.path[:] = {path!r}; "
            f"from jobqueue import logs; logs.take_over({logs.style()!r}); "
            f"from jobqueue.worker import child; child.main({fd})"
        )
        with theirs:
            try:
                process = Reaped([sys.executable, "-P", "-c", code], [fd])
            except BaseException:
                ours.close()
                raise
        return cls(process, ours)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def memory(self) -> str:
        """What it has used at most, for people; known when it has ended."""
        return self._process.memory

    @property
    def alive(self) -> bool:
        """Whether the process has not ended, as far as we know."""
        return self._process.returncode is None

    @property
    def was_dead(self) -> bool:
        """Whether a child that has served before did not even begin this job."""
        return self._proven and not self._began

    async def run(
        self,
        request: bytes,
        started: Callable[[], None],
        report: Callable[[Progress], None],
    ) -> Answer:
        """Hand a job over and return what it came to.

        Args:
            request: The job, as a frame.
            started: Called when its handler starts.
            report: Called with each progress report of it.

        Raises:
            TimeoutError: The handler's code was not imported within ``READY``.
            OSError: The child hung up: it is dead, or dying.
            msgspec.MsgspecError: It sent something else.
        """
        self._began = False
        async with asyncio.timeout(READY) as patience:
            await self._send(request)
            answer = await self._receive()
            if answer.kind == "started":
                patience.reschedule(None)
                self._began = True
                started()
                answer = await self._receive()
            while answer.kind == "progress" and answer.progress is not None:
                report(answer.progress)
                answer = await self._receive()
        self._proven = True
        return answer

    async def _send(self, request: bytes) -> None:
        self._sending = True
        await asyncio.get_running_loop().sock_sendall(self._socket, request)
        self._sending = False
        if self._shutting_down:
            self.shut_down()

    async def _receive(self) -> Answer:
        while (answer := take_answer(self._buffer)) is None:
            part = await asyncio.get_running_loop().sock_recv(self._socket, CHUNK)
            if not part:
                raise ConnectionResetError("the child has hung up")
            self._buffer += part
        return answer

    def shut_down(self) -> None:
        """Tell the handler that the worker begins to stop."""
        self._shutting_down = True
        if self._sending:
            return  # it follows the request
        with contextlib.suppress(OSError):  # it is dead, or does not read: then it need not know
            self._socket.send(SHUTTING_DOWN)

    async def leave(self) -> None:
        """Hang up and let it end; kill it when it does not."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), LEAVING)
        await self.end()

    def kill(self) -> None:
        """Kill it and all that it has started.

        Not for a child that ended long ago: its number may be another's by now.
        """
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: a zombie's
            os.killpg(self._process.pid, signal.SIGKILL)

    async def end(self) -> int:
        """Kill it if it lives; return its exit code, below zero for a signal."""
        if self.alive:
            self.kill()
        self._socket.close()
        return await self._process.wait()
