"""Locks, limits, rates and unique keys, by the rows of the history.

A row lasts from the start of a delivery until its outcome was decided, or until it was
taken from a worker that was silent. What such a worker does afterwards is not in the history:
its writes are refused by the store, as a lock's user has to see to.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise

from scripts.faults.plan import AT_ONCE, STARTS
from scripts.faults.truth import Row, Truth

CLOCK = 0.002  # seconds: ids have milliseconds


def locks(truth: Truth) -> Iterator[str]:
    """Two deliveries under one key never overlap."""
    for key, rows in _by_key(truth, "locked").items():
        for earlier, later in pairwise(sorted(rows, key=_start)):
            if _start(later) < earlier.finished - 1e-6:
                yield f"{key}: {later.job_id} began before {earlier.job_id} had ended"


def limits(truth: Truth) -> Iterator[str]:
    """No more deliveries at once than the limit allows, in each queue."""
    for queue, rows in _by_queue(truth, "limited").items():
        # At equal times ends come first.
        changes = sorted([(_start(row), 1) for row in rows] + [(row.finished, 0) for row in rows])
        running = 0
        for at, began in changes:
            running += 1 if began else -1
            if running > AT_ONCE:
                yield f"{queue}: {running} run at {at:.3f}"


def rates(truth: Truth) -> Iterator[str]:
    """No more deliveries in any second than the rate allows, in each queue."""
    for queue, rows in _by_queue(truth, "rated").items():
        starts = sorted(row.fetched for row in rows)
        for first, beyond in zip(starts, starts[STARTS:], strict=False):
            if beyond - first < 1 - CLOCK:
                yield f"{queue}: {STARTS + 1} starts in {beyond - first:.3f} s from {first:.3f}"


def unique(truth: Truth) -> Iterator[str]:
    """A job with a unique key is stored after the last one with this key has ended."""
    for key, rows in _by_key(truth, "unique").items():
        ends = [row for row in rows if row.final]
        for earlier, later in pairwise(sorted(ends, key=lambda row: row.enqueued)):
            if later.enqueued < earlier.finished - CLOCK:
                yield f"{key}: {later.job_id} was stored before {earlier.job_id} had ended"


def _by_key(truth: Truth, kind: str) -> dict[str, list[Row]]:
    plans = {job.id: job.plan for job in truth.jobs.values() if job.plan.kind == kind}
    return _grouped(
        (f"{plans[row.job_id].queue} {plans[row.job_id].key}", row)
        for row in truth.rows
        if row.job_id in plans and row.started is not None
    )


def _by_queue(truth: Truth, kind: str) -> dict[str, list[Row]]:
    return _grouped(
        (row.queue, row) for row in truth.rows if row.name == kind and row.started is not None
    )


def _grouped(pairs: Iterable[tuple[str, Row]]) -> dict[str, list[Row]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for key, row in pairs:
        found[key].append(row)
    return found


def _start(row: Row) -> float:
    return row.started or row.finished
