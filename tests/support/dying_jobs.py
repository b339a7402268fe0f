"""Process handlers that say how far they are, take memory, and die."""

import os
import resource
import signal
from typing import Any

from jobqueue import JobQueue, current_job

app = JobQueue()
MIB = 1 << 20


@app.job(process=True, retry=0)
def die(how: str, mib: int = 0, progress: float | None = None) -> Any:
    """Die in one of several ways."""
    taken = bytearray(mib * MIB)
    taken[::4096] = b"x" * len(taken[::4096])
    if progress is not None:
        current_job().progress(progress, "resizing")
    match how:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "leave":
            os._exit(3)
        case "limit":
            before = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (1024 * MIB, before[1]))
            try:
                return len(bytearray(2048 * MIB))
            finally:
                resource.setrlimit(resource.RLIMIT_AS, before)
    return None


@app.job(process=True, retry=0)
def alive() -> str:
    """Say so."""
    return "alive"
