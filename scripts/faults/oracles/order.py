"""While a job of a higher priority is ready in a queue, no worker is handed a lower one."""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from scripts.faults.plan import KINDS
from scripts.faults.truth import Row, Truth

CLOCK = 0.002  # seconds: both times were taken inside scripts, to the millisecond


def priorities(truth: Truth) -> Iterator[str]:
    """Hold first deliveries against each other.

    Only jobs that nothing but their priority holds back are looked at. A fetch is one step
    of Redis, so a higher one that was ready before it and was handed out later was passed over.
    """
    first = [row for row in truth.rows if _plain(truth, row)]
    for queue in {row.queue for row in first}:
        here = [row for row in first if row.queue == queue]
        for priority in range(3):
            yield from _passed_over(
                sorted(
                    (row for row in here if row.priority == priority), key=lambda row: row.ready
                ),
                [row for row in here if row.priority > priority],
            )


def _plain(truth: Truth, row: Row) -> bool:
    job = truth.jobs.get(row.job_id)
    return job is not None and KINDS[job.plan.kind].plain and row.delivery == 1


def _passed_over(higher: list[Row], lower: list[Row]) -> Iterator[str]:
    """Return the lower rows during whose fetch a higher one was ready."""
    ready = [row.ready for row in higher]
    latest = list(accumulate(higher, _later))
    for row in lower:
        before = bisect_left(ready, row.fetched - CLOCK)
        if before and latest[before - 1].fetched > row.fetched + CLOCK:
            waiting = latest[before - 1]
            early = waiting.fetched - row.fetched
            yield f"{row.job_id} was taken {early:.3f} s before {waiting.job_id}"


def _later(one: Row, other: Row) -> Row:
    return one if one.fetched >= other.fetched else other
