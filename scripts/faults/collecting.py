"""Reads what is left after a run into a :class:`Truth`."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from scripts.faults import leftovers, notes
from scripts.faults.plan import planned
from scripts.faults.registry import Injection
from scripts.faults.stage import Stage
from scripts.faults.truth import Effect, Job, Note, Row, Truth

ROWS = """
SELECT id::text, job_id, run, attempt, delivery, final, outcome, queue, name,
    array_position(ARRAY['critical', 'high', 'normal', 'low'], priority::text) - 1,
    coalesce(worker, ''), crashes, coalesce(reason, ''), coalesce(error_type, ''),
    extract(epoch FROM enqueued_at)::float, extract(epoch FROM ready_at)::float,
    extract(epoch FROM started_at)::float, extract(epoch FROM finished_at)::float,
    extract(epoch FROM retry_at)::float
FROM jobqueue.job_executions"""


def collect(stage: Stage, injections: list[Injection]) -> Truth:
    """Return everything that oracles need."""
    with closing(stage.servers.history()) as history:
        rows = [Row(*values) for values in history.execute(ROWS)]
    with closing(stage.servers.application()) as application:
        effects = {
            job: Effect(count, fence, tuple(fences))
            for job, fence, count, fences in application.execute("SELECT * FROM effects")
        }
    occurrences = {row.job_id for row in rows if row.name == "tick"}
    return Truth(
        jobs=read_jobs(stage.produced, stage.seed),
        ours=frozenset(occurrences.union(stage.blockers)),
        rows=rows,
        notes=[Note(*values) for values in notes.read(stage.notes)],
        effects=effects,
        injections=injections,
        epoch=time.time() - time.monotonic(),
        left=list(leftovers.found(stage)),
        exits=stage.crew.exits,
    )


def read_jobs(path: Path, seed: int) -> dict[str, Job]:
    """Return what the producer tried, with what it was told last."""
    tried: dict[str, tuple[int, float]] = {}
    told: dict[str, str] = {}
    cancelled: dict[str, str] = {}
    for what, at, *rest in notes.read(path):
        if what == "try":
            tried |= {job_id: (number, at) for job_id, number in rest[0]}
        elif what == "cancel":
            cancelled[rest[0]] = rest[1]
        else:
            told |= dict(_answers(what, rest[0]))
    return {
        job_id: Job(
            job_id,
            planned(seed, number),
            at,
            told.get(job_id, "uncertain"),
            cancelled.get(job_id, ""),
        )
        for job_id, (number, at) in tried.items()
    }


def _answers(what: str, told: list[str] | list[list[str]]) -> Iterator[tuple[str, str]]:
    for each in told:
        if isinstance(each, str):
            yield each, what
        else:
            yield each[0], each[1]
