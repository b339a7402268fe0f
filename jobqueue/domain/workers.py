"""Workers as people see them: what they say of themselves, and what they run."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from jobqueue.domain.jobs import Priority
from jobqueue.domain.pauses import Pause, pause_of_worker


class RunningJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that a worker runs.

    Attributes:
        id: The job.
        queue: Its queue.
        name: Its name; None where it has just ended.
        priority: Its priority; None where it has just ended.
        started_at: When it was handed to the worker.
    """

    id: str
    queue: str
    name: str | None
    priority: Priority | None
    started_at: datetime


class WorkerView(msgspec.Struct, frozen=True, kw_only=True):
    """A living worker; numbers are some seconds old.

    Attributes:
        id: Its id.
        host: Its host.
        pid: Its process there.
        queues: What it serves.
        names: The jobs that it knows.
        concurrency: Jobs that it runs at once, at most.
        running: Jobs that it runs.
        done: Jobs that have ended there.
        rate: How many end in a second, over the last minute; None where it does not say.
        uptime: Seconds since it was made; None where it does not say.
        memory: Bytes that it and its children use; None where nobody knows.
        code_version: Version of the application's code; None where nobody knows.
        paused: Who has paused it; None where nobody has.
        quiet: Whether it was told to take no more jobs.
        problem: Why it takes no jobs, beside that.
        jobs: What it runs, the oldest first; None where that was not asked for.
    """

    id: str
    host: str
    pid: int
    queues: Sequence[str]
    names: Sequence[str]
    concurrency: int
    running: int
    done: int
    rate: float | None
    uptime: int | None
    memory: int | None
    code_version: str | None
    paused: Pause | None
    quiet: bool
    problem: str | None
    jobs: Sequence[RunningJob] | None = None

    @property
    def state(self) -> str:
        """``paused``, ``quiet``, ``problem`` or ``up``."""
        if self.paused is not None:
            return "paused"
        if self.quiet:
            return "quiet"
        return "problem" if self.problem else "up"


def worker_of(said: Mapping[str, Any]) -> WorkerView:
    """Return a worker from what it says of itself; versions may say less or more than this one."""
    rates = said.get("rates")
    return WorkerView(
        id=said["id"],
        host=said["host"],
        pid=said["pid"],
        queues=said["queues"],
        names=said["names"],
        concurrency=said["concurrency"],
        running=said["running"],
        done=said["done"],
        rate=None if rates is None else sum(rates.values()),
        uptime=said.get("uptime"),
        memory=said.get("memory") or None,
        code_version=said.get("code_version") or None,
        paused=pause_of_worker(said),
        quiet=bool(said.get("quiet")),
        problem=said.get("problem") or None,
    )
