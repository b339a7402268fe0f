"""Second deliveries, and the faults that explain them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from scripts.faults.catalogue import FAULTS
from scripts.faults.plan import LEASE
from scripts.faults.registry import Injection
from scripts.faults.truth import HANDED_ON, Row, Truth

# A lease ends, two looks follow, and Redis may be away meanwhile.
LATE = 3 * LEASE + 20.0


@dataclass(frozen=True)
class Second:
    """A delivery that another one had to repeat.

    Attributes:
        pid: The worker that had it; 0 when nobody noted it.
        at: When it was taken from the worker.
        by: What explains it.
    """

    job_id: str
    delivery: int
    outcome: str
    pid: int
    at: float
    by: Injection | None


def seconds(truth: Truth) -> list[Second]:
    """Return every second delivery, with what explains it."""
    return [second for rows in truth.rows_of.values() for second in _seconds(truth, rows)]


def unexplained(truth: Truth) -> Iterator[str]:
    """A fault has hit the worker whose job was delivered again."""
    for second in seconds(truth):
        if second.by is None:
            yield (
                f"{second.job_id}: delivery {second.delivery} {second.outcome}"
                f" by worker {second.pid} at {second.at:.3f}; {_near(truth, second.at)}"
            )


def _near(truth: Truth, at: float) -> str:
    """Return what was wrong shortly before a moment, for whoever looks for the cause."""
    faults = [
        f"{each.fault} of {each.target or 'all'} {each.began:.1f}-{each.ended:.1f}"
        for each in truth.injections
        if each.began <= at <= each.ended + 2 * LEASE
    ]
    return f"shortly before: {', '.join(faults) or 'nothing'}"


def _seconds(truth: Truth, rows: list[Row]) -> Iterator[Second]:
    for row in rows:
        if row.outcome in HANDED_ON:
            by = _explanation(truth, row, row.finished)
            yield Second(row.job_id, row.delivery, row.outcome, row.pid, row.finished, by)
    for earlier, later in pairwise([None, *rows]):
        known = 0 if earlier is None else earlier.delivery
        for delivery in range(known + 1, later.delivery if later is not None else 0):
            at = later.ready if later is not None else 0.0
            by = _explanation(truth, None, at)
            yield Second(rows[0].job_id, delivery, "without a row", 0, at, by)


def _explanation(truth: Truth, row: Row | None, at: float) -> Injection | None:
    """Return the fault that took a delivery from its worker at this time.

    A delivery without a row may have been any worker's.
    """
    begun = row is not None and (row.job_id, row.delivery) in truth.begun
    # The last one first: a process may be hit twice.
    for injection in sorted(truth.injections, key=lambda each: each.began, reverse=True):
        doubles = FAULTS[injection.fault].doubles
        hit = injection.pids and (row is None or row.pid in injection.pids)
        guilty = (doubles == "all" and hit) or (doubles == "unbegun" and not begun)
        if guilty and injection.began <= at <= injection.ended + LATE:
            return injection
    return None
