"""Process handlers for tests with whole workers; each does what its arguments say."""

import os
import resource
import signal
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from jobqueue import JobQueue, Permanent, Retry, Snooze, current_job
from tests.support.process_jobs import UnprintableError, hold
from tests.support.waiting import wait_until_sync

app = JobQueue()
process = app.job(process=True, retry=0)

ENDS: dict[str, Any] = {
    "error": lambda: LookupError("lost"),
    "exit": lambda: SystemExit(3),
    "interrupt": KeyboardInterrupt,
    "unprintable": UnprintableError,
    "surrogate": lambda: ValueError("a\0b\ud800"),
    "permanent": lambda: Permanent("never"),
    "snooze": lambda: Snooze(3600),
}


@process
def fail(kind: str) -> None:
    """Raise, or die."""
    if kind in ENDS:
        raise ENDS[kind]()  # noqa: RSE102 - a function makes it
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if kind == "leave":
        os._exit(5)
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "memory":
        resource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31))
        _ = bytearray(1 << 40)
    fail(kind)  # and so on, without an end


@process
def answer(kind: str) -> Any:
    """Return what may not be a result."""
    return {"object": object(), "nan": float("nan"), "big": "x" * 100_000, "good": [1]}[kind]


@process
def alive() -> str:
    """Return a word."""
    return "alive"


@process
def hang(path: str) -> None:
    """Never end."""
    hold(path)
    threading.Event().wait()


@process
def report(until: str) -> str:
    """Report progress in a burst, and go on until a file is there."""
    for step in range(1, 6):
        current_job().progress(step / 10, f"step {step}")
    wait_until_sync(Path(until).exists, description=until)
    return "done"


@process
def leave_reporter(until: str) -> str:
    """Leave a thread behind that reports when a file is there: that is another job's time."""
    job = current_job()

    def late() -> None:
        wait_until_sync(Path(until).exists, description=until)
        job.progress(0.9, "too late")
        Path(until).unlink()

    threading.Thread(target=late, daemon=True).start()
    return job.id


@process
def outlive(until: str) -> None:
    """Let the file be seen by the thread that the last job left, and wait until it has been."""
    current_job().progress(0.5, "mine")
    Path(until).touch()
    wait_until_sync(lambda: not Path(until).exists(), description=f"no {until}")


@process
def wait_for_the_end(path: str) -> str:
    """Wait until the worker begins to stop."""
    hold(path)
    heard = current_job().shutting_down.wait(30)
    return "heard" if heard else "deaf"


@process
def about() -> dict[str, Any]:
    """Return what a child sees of its job."""
    job = current_job()
    deadline = None if job.deadline is None else job.deadline.timestamp() - time.time()
    return {
        "deadline": deadline,
        "tags": list(job.tags),
        "metadata": job.metadata,
        "cancelled": job.cancelled,
        "shutting_down": job.shutting_down.is_set(),
    }


@app.job(process=True, retry=0, redact=("token",))
def refuse(token: str) -> NoReturn:
    """Say the word that nobody may see."""
    raise ValueError(f"bad token {token!r}")


@app.job(process=True, retry=Retry(1, base=0.01), is_failure=lambda e: not isinstance(e, OSError))
def busy(path: str) -> int:
    """Fail without being counted until a file is there."""
    if not Path(path).exists():
        raise ConnectionError("busy")
    return current_job().attempt
