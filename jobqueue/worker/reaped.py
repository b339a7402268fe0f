"""A child process that tells at its end how much memory it has used.

asyncio waits for a process without asking what it has used, so a thread for each child waits
for it here. It must be spawned by the thread of the event loop all the same: the kernel
kills it with that thread (``child.py``).
"""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Sequence
from threading import Thread

from jobqueue.worker import memory


class Reaped:
    """A child process in a session of its own.

    Args:
        command: Program and arguments.
        fds: Descriptors that it inherits.

    Raises:
        OSError: The system has no process or memory to give.
    """

    def __init__(self, command: Sequence[str], fds: Sequence[int]) -> None:
        # What a process has used begins with what its parent used when it was made.
        self._before = memory.peak()
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
            command, stdin=subprocess.DEVNULL, pass_fds=fds, start_new_session=True
        )
        self.pid = self._process.pid
        self.returncode: int | None = None
        self.memory = ""  # what it has used at most, for people
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        Thread(target=self._reap, name="jobqueue-reaper", daemon=True).start()

    async def wait(self) -> int:
        """Wait for its end; return its exit code, below zero for a signal."""
        await self._ended.wait()
        assert self.returncode is not None  # noqa: S101 - set before the event
        return self.returncode

    def _reap(self) -> None:
        _, status, usage = os.wait4(self.pid, 0)
        code = self._process.returncode = os.waitstatus_to_exitcode(status)
        most = memory.peak(usage)
        words = "memory" if most > self._before else "memory below"
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._note, code, f"{words} {memory.shown(most)}")

    def _note(self, code: int, used: str) -> None:
        self.returncode, self.memory = code, used
        self._ended.set()
