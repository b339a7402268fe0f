"""The app of the fault suite, and what all of its handlers do first."""

import os
from pathlib import Path

from jobqueue import JobQueue, Retry, current_job
from scripts.faults import store
from scripts.faults.notes import Pen

NOTES = "FAULTS_NOTES"
PAUSE = 0.2  # seconds before a retry

app = JobQueue()
soon = Retry(4, base=PAUSE, backoff="constant", jitter="none")
_pen: Pen | None = None


class HiccupError(Exception):
    """What a retry is for."""


def note(what: str, key: str = "") -> None:
    """Note something about the delivery that runs here."""
    global _pen  # noqa: PLW0603 - opened by the first job: producers import this too
    if _pen is None:
        _pen = Pen(Path(os.environ[NOTES]))
    job = current_job()
    _pen.write(what, job.id, job.delivery, job.fence, job.attempt, job.name, os.getpid(), key)


def begin(key: str = "") -> None:
    """Note the beginning and claim the job."""
    note("began", key)
    store.claim()
