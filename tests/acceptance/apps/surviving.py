"""Handlers, a middleware and hooks that do what no code should, each on demand."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from jobqueue import (
    CurrentJob,
    JobEvent,
    JobQueue,
    Permanent,
    Retry,
    RetryAfter,
    Snooze,
    current_job,
)
from tests.acceptance.apps.notes import note

app = JobQueue()
steady = Retry(3, base=0.05, jitter="none", backoff="constant")


class UnprintableError(Exception):
    """Can neither be printed nor pickled."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __reduce__(self) -> NoReturn:
        raise TypeError("no pickle")


def end(kind: str) -> None:
    """Raise, or end the process."""
    errors: dict[str, type[BaseException]] = {
        "exit": SystemExit, "interrupt": KeyboardInterrupt, "unprintable": UnprintableError,
    }  # fmt: skip
    if kind in errors:
        raise errors[kind]
    if kind == "surrogate":
        raise ValueError("a\0b\ud800")
    if kind == "leave":
        os._exit(7)
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.exit(0 if kind == "zero" else kind)


@app.middleware
async def crash(job: CurrentJob, call_next: Callable[[], Awaitable[Any]]) -> Any:
    """Fail where the job's metadata says so."""
    where = job.metadata.get("crash")
    if where == "before":
        raise LookupError(where)
    value = await call_next()
    if where == "after":
        raise SystemExit(where)
    return value


@app.on("failure")
async def broken_hook(_event: JobEvent) -> None:
    """Fail as well."""
    raise SystemExit("hook")


@app.job(retry=0)
async def on_loop(kind: str) -> None:
    """End on the event loop."""
    end(kind)


@app.job(retry=0)
def in_thread(kind: str) -> None:
    """End in a thread."""
    end(kind)


@app.job(retry=0, process=True)
def in_process(kind: str) -> None:
    """End in a child process."""
    end(kind)


@app.job(retry=0)
async def in_task(kind: str) -> None:
    """End in a task that the handler has made."""
    note("began")

    async def helper() -> None:
        await asyncio.sleep(0)
        end(kind)

    await asyncio.create_task(helper())


@app.job()
async def alive() -> int:
    """Return the pid."""
    return os.getpid()


@app.job(retry=steady)
async def asks(what: str) -> int:
    """Do what an exception asks for, the first three times."""
    note("began")
    job = current_job()
    if what == "permanent":
        raise Permanent("no such user")
    if job.delivery <= 3:
        raise Snooze(0.2) if what == "snooze" else RetryAfter(0.2)
    return job.attempt


@app.job(retry=Retry(5, base=0.05, on=ConnectionError, never=BrokenPipeError, jitter="none"))
async def choosy(kind: str) -> int:
    """Raise what may be retried, or not."""
    if current_job().attempt > 1:
        return current_job().attempt
    raise {"retried": ConnectionError, "never": BrokenPipeError, "other": ValueError}[kind]
