"""What a worker process has from its supervisor, and how it follows it."""

import logging
import os
import signal
import threading
from dataclasses import dataclass

log = logging.getLogger("jobqueue.worker")

# The underscore says that they are no settings.
LIFELINE = "_JOBQUEUE_LIFELINE"  # a descriptor that ends with the supervisor
PREDECESSOR = "_JOBQUEUE_PREDECESSOR"  # pid and exit code of the process that we replace


@dataclass(frozen=True)
class Death:
    """The end of a worker process.

    Args:
        pid: Its number.
        code: Its exit code, below zero for a signal.
    """

    pid: int
    code: int


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


def predecessor() -> Death | None:
    """Return how the process ended in whose place this one is, if there was one."""
    pid, _, code = os.environ.pop(PREDECESSOR, "").partition(" ")
    return Death(int(pid), int(code)) if pid else None
