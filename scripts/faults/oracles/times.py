"""Nothing starts before its time."""

from collections.abc import Iterator
from itertools import pairwise

from scripts.faults.app import PAUSE
from scripts.faults.truth import Job, Truth

CLOCKS = 0.005  # seconds by which two readings of one clock may seem to differ
RETRIED = {"failed", "snoozed"}


def early(truth: Truth) -> Iterator[str]:
    """Delayed jobs and retries wait: by the history, and by this machine's own clock."""
    for job in truth.jobs.values():
        yield from (f"{job.id}: {text}" for text in _first(truth, job))
        yield from (f"{job.id}: {text}" for text in _again(truth, job))


def _first(truth: Truth, job: Job) -> Iterator[str]:
    delay = job.plan.delay
    for row in truth.rows_of.get(job.id, []):
        if row.started is not None and row.started < row.enqueued + delay - CLOCKS:
            yield f"started {row.enqueued + delay - row.started:.3f} s early"
        note = truth.begun.get((job.id, row.delivery))
        if note is not None and note.at < job.asked + delay - CLOCKS:
            yield f"began {job.asked + delay - note.at:.3f} s early"


def _again(truth: Truth, job: Job) -> Iterator[str]:
    for earlier, later in pairwise(truth.rows_of.get(job.id, [])):
        if earlier.retry is not None and (later.started or later.finished) < earlier.retry - CLOCKS:
            yield f"delivery {later.delivery} started before its retry was due"
        before = truth.begun.get((job.id, earlier.delivery))
        after = truth.begun.get((job.id, later.delivery))
        if (
            before
            and after
            and earlier.outcome in RETRIED
            and after.at - before.at < PAUSE - CLOCKS
        ):
            yield f"delivery {later.delivery} began {after.at - before.at:.3f} s after the last"
