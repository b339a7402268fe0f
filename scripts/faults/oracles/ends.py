"""How jobs end: once, as planned, in rows that fit together."""

from collections import Counter
from collections.abc import Iterator

from scripts.faults.plan import KINDS
from scripts.faults.truth import UNCOUNTED, Job, Row, Truth

DIED = "worker_lost"  # the reason of a dead letter whose workers died


def one_end(truth: Truth) -> Iterator[str]:
    """An accepted job has one final row for each run; an uncertain one none, or one."""
    ends = Counter((row.job_id, row.run) for row in truth.rows if row.final)
    yield from (f"{job_id} ended {n} times" for (job_id, _), n in ends.items() if n > 1)
    yield from (f"{job.id} ({job.plan.kind}) never ended" for job in truth.lost)
    lost = {job.id for job in truth.lost}
    for job_id, rows in truth.rows_of.items():
        if not ends[job_id, rows[-1].run] and job_id not in lost:
            yield f"{job_id} ({rows[-1].name}) began and never ended"


def known(truth: Truth) -> Iterator[str]:
    """Whatever ran was tried, and was not refused."""
    for job_id, rows in truth.rows_of.items():
        job = truth.jobs.get(job_id)
        if job is None and job_id not in truth.ours:
            yield f"{job_id} ({rows[0].name}) was never enqueued"
        elif job is not None and not job.accepted and job.status != "uncertain":
            yield f"{job_id} was answered {job.status} and has rows"


def as_planned(truth: Truth) -> Iterator[str]:
    """Its kind says how a job ends; only workers that died say otherwise."""
    for job in truth.jobs.values():
        for row in truth.rows_of.get(job.id, []):
            if row.error == "scripts.faults.store.TooLateError":
                yield f"{job.id}: the store refused delivery {row.delivery}, and yet it counted"
            if row.final and row.reason != DIED and (problem := _unplanned(job, row)):
                yield f"{job.id} ({job.plan.kind}): {problem}"


def _unplanned(job: Job, row: Row) -> str | None:
    kind = KINDS[job.plan.kind]
    if row.outcome not in kind.ends:
        return f"ended as {row.outcome} {row.reason} {row.error}"
    if kind.attempts is not None and row.attempt != kind.attempts:
        return f"ended after {row.attempt} attempts"
    if job.cancel == "cancelled" and row.outcome != "cancelled":
        return f"was cancelled and ended as {row.outcome}"
    return None


def attempts(truth: Truth) -> Iterator[str]:
    """Attempts count from 1 without a gap; deliveries only go up."""
    for job_id, rows in truth.rows_of.items():
        counted = [row.attempt for row in rows if row.outcome not in UNCOUNTED]
        if counted != list(range(1, len(counted) + 1)):
            yield f"{job_id}: attempts {counted}"
        deliveries = [row.delivery for row in rows]
        if sorted(set(deliveries)) != deliveries:
            yield f"{job_id}: deliveries {deliveries}"
        if any(row.final for row in rows[:-1]):
            yield f"{job_id}: went on after its end"


def rows(truth: Truth) -> Iterator[str]:
    """A delivery that a handler began has one row, also when its worker died."""
    found = Counter((row.job_id, row.delivery) for row in truth.rows)
    for key, note in truth.begun.items():
        if found[key] != 1:
            yield f"{note.job_id}: delivery {note.delivery} began and has {found[key]} rows"


def exits(truth: Truth) -> Iterator[str]:
    """Services live until they are ended."""
    for end in truth.exits:
        tail = end.log.read_text("utf-8", "replace").splitlines()[-1:] if end.log.exists() else []
        yield f"{end.service} ended with {end.code}: {' '.join(tail)[:300]}"
