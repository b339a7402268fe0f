"""What ties a worker process to its supervisor: each end hears of the other's life.

A pair of sockets. The supervisor's end closes when it dies, and the worker stops; by the
worker's end it says once that it has begun its duty.
"""

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Self

import msgspec

log = logging.getLogger("jobqueue.worker")

# The underscore says that they are no settings.
LIFELINE = "_JOBQUEUE_LIFELINE"  # a descriptor: the worker's end
PREDECESSOR = "_JOBQUEUE_PREDECESSOR"  # pid and exit code of the process that we replace


class Death(msgspec.Struct, frozen=True):
    """The end of a worker process.

    Args:
        pid: Its number.
        code: Its exit code, below zero for a signal.
    """

    pid: int
    code: int


class Lifeline:
    """The supervisor's side, of one worker process; a context manager that lets go of it."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._ours.close()
        self._theirs.close()

    def fileno(self) -> int:
        """Return the descriptor to hand to the worker."""
        return self._theirs.fileno()

    @property
    def begun(self) -> bool:
        """Whether the worker has begun its duty; it may have died since."""
        with contextlib.suppress(BlockingIOError):
            self._begun = bool(self._ours.recv(1, socket.MSG_DONTWAIT)) or self._begun
        return self._begun


def follow_supervisor() -> Callable[[], None]:
    """Stop this process by SIGTERM when its supervisor dies; does nothing without one.

    Returns:
        What tells the supervisor that the duty has begun.
    """
    number = os.environ.pop(LIFELINE, "")  # a program that we start has no supervisor
    if not number:
        return lambda: None
    lifeline = int(number)
    os.set_inheritable(lifeline, False)
    threading.Thread(target=_follow, args=(lifeline,), daemon=True).start()
    return lambda: _tell(lifeline)


def _tell(lifeline: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # it is gone, and its other end says so
        os.write(lifeline, b"1")


def _follow(lifeline: int) -> None:
    with contextlib.suppress(ConnectionResetError):  # it has not read what we told it
        os.read(lifeline, 1)
    log.warning("supervisor is gone")
    os.kill(os.getpid(), signal.SIGTERM)


def predecessor() -> Death | None:
    """Return how the process ended in whose place this one is, if there was one."""
    pid, _, code = os.environ.pop(PREDECESSOR, "").partition(" ")
    return Death(int(pid), int(code)) if pid else None
