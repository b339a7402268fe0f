"""What jobs did to the world."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from scripts.faults.truth import HANDED_ON, Effect, Note, Row, Truth

# A handler that was killed after its write, or told to stop: its write stands.
WROTE_AND_DIED = HANDED_ON | {"cancelled"}
CHILD_DIED = "jobqueue.ChildDied"


def fences(truth: Truth) -> Iterator[str]:
    """Each delivery begins once, with a fencing number above that of every earlier one."""
    by_job: defaultdict[str, list[Note]] = defaultdict(list)
    for note in truth.notes:
        if note.what == "began":
            by_job[note.job_id].append(note)
    for job_id, notes in by_job.items():
        notes.sort(key=lambda note: note.delivery)
        for earlier, later in pairwise(notes):
            if earlier.delivery == later.delivery:
                yield f"{job_id}: delivery {later.delivery} ran twice"
            elif earlier.fence >= later.fence:
                yield f"{job_id}: fence {later.fence} came after {earlier.fence}"


def once(truth: Truth) -> Iterator[str]:
    """A job that succeeded has its effect, by the attempt that succeeded.

    Another attempt may have written before only when its delivery was taken from it; of
    these the world has seen one effect.
    """
    for job_id, rows in truth.rows_of.items():
        effect = truth.effects.get(job_id, Effect(0, 0, ()))
        yield from (f"{job_id}: {text}" for text in _judge(truth, rows, effect))
    for job_id in truth.effects.keys() - truth.rows_of.keys():
        yield f"{job_id}: has effects and no row"


def _judge(truth: Truth, rows: list[Row], effect: Effect) -> Iterator[str]:
    if list(effect.fences) != sorted(set(effect.fences)):
        yield f"writes came with fences {effect.fences}"
    fence_of = {row.delivery: _fence(truth, row) for row in rows}
    for row in rows:
        wrote = fence_of[row.delivery] in effect.fences
        if row.outcome == "succeeded" and not wrote:
            yield f"delivery {row.delivery} succeeded without an effect"
        if row.outcome not in {"succeeded", *WROTE_AND_DIED} and wrote and row.error != CHILD_DIED:
            yield f"delivery {row.delivery} {row.outcome} and has an effect"
    for fence in set(effect.fences) - set(fence_of.values()):
        yield f"a write with fence {fence} belongs to no row"


def _fence(truth: Truth, row: Row) -> int:
    note = truth.begun.get((row.job_id, row.delivery))
    return -1 if note is None else note.fence
