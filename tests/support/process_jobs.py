"""Process handlers for tests: each does one thing that a child must survive, or die of."""

import asyncio
import atexit
import contextvars
import ctypes
import fcntl
import logging
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from jobqueue import JobQueue, Permanent, Retry, RetryAfter, Snooze, current_job

app = JobQueue("redis://localhost:1")
seen: contextvars.ContextVar[str] = contextvars.ContextVar("seen", default="nothing")
process = app.job(process=True)


@dataclass
class Point:
    """An argument with a type."""

    x: int
    y: int


class UnprintableError(Exception):
    """Can neither be printed nor pickled."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __reduce__(self) -> NoReturn:
        raise TypeError("no pickle")


def hold(path: str) -> None:
    """Lock a file for as long as this process lives."""
    file = Path(path).open("w")  # noqa: SIM115 - it stays open until the process ends
    fcntl.flock(file, fcntl.LOCK_EX)
    file.write(str(os.getpid()))
    file.flush()
    seen.set(path)
    globals()["_kept"] = file


def is_held(path: Path) -> bool:
    """Say whether a process that called ``hold`` lives."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def holding(path: Path) -> bool:
    """Say whether a process has got as far as ``hold``."""
    return path.exists() and path.read_text() != "" and is_held(path)


@process
def add(point: Point) -> int:
    """Return a number."""
    return point.x + point.y


@process
async def add_async(point: Point) -> int:
    """Return a number from a loop of its own."""
    await asyncio.sleep(0)
    return point.x + point.y


@process
def about() -> dict[str, Any]:
    """Return what a handler sees of its job and process."""
    job = current_job()
    return {"pid": os.getpid(), "id": job.id, "fence": job.fence, "seen": seen.get()}


@process
def remember(word: str) -> None:
    """Set a context variable."""
    seen.set(word)


@process
def loaded() -> list[str]:
    """Return the packages that talk to servers and are here."""
    return sorted({"redis", "sqlalchemy", "psycopg", "croniter"} & set(sys.modules))


@process
def shout(word: str) -> None:
    """Print without a flush."""
    sys.stdout.write(word)


@process
def tell(word: str) -> None:
    """Log on two levels, with the library's logger and with one of one's own."""
    logging.getLogger("jobqueue.test").debug("detail", extra={"word": word})
    logging.getLogger("shop").info("said", extra={"word": word})
    logging.getLogger("shop").debug("never said")


def throw(kind: str) -> NoReturn:
    """Raise an error."""
    errors: dict[str, BaseException] = {
        "value": ValueError("wrong\x00\udc00"),
        "exit": SystemExit(3),
        "interrupt": KeyboardInterrupt(),
        "unprintable": UnprintableError(),
        "permanent": Permanent("never"),
        "later": RetryAfter(7),
        "snooze": Snooze(5),
    }
    raise errors[kind]


@process
def fail(kind: str) -> None:
    """Raise an error."""
    throw(kind)


@process
async def fail_async(kind: str) -> None:
    """Raise an error on a loop."""
    await asyncio.sleep(0)
    throw(kind)


@process
def recurse() -> None:
    """Never end."""
    recurse()


@app.job(process=True, retry=Retry(never=ValueError))
def choosy() -> None:
    """Raise what is not retried."""
    raise ValueError("no")


def slow_then_never(attempt: int, error: BaseException, job: Any) -> float | None:
    """Return a wait that shows what the function was given; None at the second attempt."""
    right = isinstance(error, LookupError) and job.id == "job-1"
    return 41.0 + right if attempt == 1 else None


@app.job(process=True, retry=Retry(backoff=slow_then_never))
def own_backoff() -> None:
    """Raise what the own function looks at."""
    raise LookupError("x")


def broken(attempt: int, error: BaseException, job: Any) -> float | None:
    """Fail."""
    raise TypeError(attempt, error, job)


@app.job(process=True, retry=Retry(backoff=broken))
def broken_backoff() -> None:
    """Raise, for a backoff function that raises too."""
    raise LookupError("x")


@process
def answer(kind: str) -> Any:
    """Return what can't be a result."""
    return {"object": object(), "big": "x" * 100_000, "nan": float("nan")}[kind]


@process
def leave(code: int) -> None:
    """End the process without a word."""
    os._exit(code)


@process
def die(number: int) -> None:
    """End the process by a signal."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.kill(os.getpid(), number)


@process
def shrug(number: int) -> str:
    """Get a signal that a child outlives; start a program that does not."""
    os.kill(os.getpid(), number)
    with subprocess.Popen(["sleep", "1000"]) as other:
        other.send_signal(number)
        return f"alive, {other.wait()}"


@process
def hang(path: str) -> None:
    """Never end."""
    hold(path)
    threading.Event().wait()


@process
async def hang_async(path: str) -> None:
    """Never end, whatever the loop says."""
    hold(path)
    while True:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            continue


@process
def hang_with_gil(path: str) -> None:
    """Never end, and let no other thread run."""
    hold(path)
    ctypes.PyDLL(None).pause()


HOLD = "import sys, threading; from tests.support.process_jobs import hold; hold(sys.argv[1]); "


@process
def hang_with_program(path: str) -> None:
    """Start a program and wait for it."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    code = HOLD + "threading.Event().wait()"
    subprocess.run([sys.executable, "-c", code, path], check=True, env=env)


@process
def fork_and_leave(path: str) -> None:
    """Leave a forked process behind that keeps every descriptor."""
    if os.fork() == 0:
        hold(path)
        signal.pause()
    while not holding(Path(path)):
        pass
    os._exit(4)


def double(number: int) -> int:
    """Return twice a number."""
    return number * 2


@process
def pool(numbers: list[int]) -> list[int]:
    """Use forked processes, which end by SIGTERM."""
    with multiprocessing.get_context("fork").Pool(1) as workers:
        return workers.map(double, numbers)


@process
def register_exit(path: str) -> None:
    """Have something done when the process ends in order."""
    atexit.register(Path(path).write_text, "done")


@process
def leave_thread(path: str) -> None:
    """Leave a thread behind that keeps the process from ending in order."""
    hold(path)
    threading.Thread(target=threading.Event().wait).start()


def plain() -> str:
    """Return a word; declared under another name only."""
    return "plain"


declared_elsewhere = app.job(name="elsewhere", process=True)(plain)


class Jobs:
    """Holds a handler."""

    @staticmethod
    @app.job(name="nested", process=True)
    def nested() -> str:
        """Return a word."""
        return "nested"
