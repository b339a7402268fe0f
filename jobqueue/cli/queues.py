"""``jobqueue queues``: how many jobs are where, and which nobody can run."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from jobqueue.cli.context import Cli
from jobqueue.cli.errors import NOT_FOUND, say
from jobqueue.cli.options import takes
from jobqueue.cli.output import duration, table
from jobqueue.domain.ids import check_queue
from jobqueue.domain.jobs import Priority
from jobqueue.domain.suggest import nearest
from jobqueue.domain.views import QueueView

_STATES = ("ready", "scheduled", "retrying", "blocked", "running", "succeeded", "dead")


@takes("redis_url", "prefix", json=True)
def queues(
    cli: Cli,
    queue: Annotated[
        str | None, typer.Argument(metavar="QUEUE", show_default=False, help="Only this one.")
    ] = None,
) -> None:
    """Count the jobs of each queue, by priority and by name.

    Prints a table of queues (oldest: how long the first ready job has waited; journal: ended
    attempts that no recorder has taken yet), one of names (succeeded and dead count from the
    queue's beginning), and the names that no living worker knows. Exits 3 if QUEUE never had
    a job, 5 if Redis can't be reached.
    """
    from jobqueue.app import JobQueue
    from jobqueue.client.lookups import unknown_names, unserved

    app = JobQueue(settings=cli.settings)
    counts = app.queue_counts_sync()
    if queue is not None:
        counts = _only(check_queue(queue), counts)
    workers = app.living_sync("worker")
    declared = {name for worker in workers for name in worker["names"]}
    unknown = unknown_names(counts, workers)
    parts = [_totals(counts)]
    if any(each.names for each in counts):
        parts.append(_names(counts))
    notes = [_nobody(*each, nearest(each[1], declared)) for each in unknown]
    notes += [_unserved(each) for each in unserved(counts, workers)]
    notes += [_refused(each.name, each.journal_bad) for each in counts if each.journal_bad]
    if notes:
        parts.append("\n".join(notes))
    cli.emit(_for_programs(counts, unknown), "\n\n".join(parts))


def _totals(counts: Sequence[QueueView]) -> str:
    labels = [priority.label.upper() for priority in Priority]
    split = any(each.partitions for each in counts)
    more = ("PARTITIONS",) if split else ()
    headers = ("QUEUE", *more, *labels, "SCHEDULED", "RUNNING", "OLDEST", "JOURNAL")
    rows = [
        (
            each.name,
            *((each.partitions or "-",) if split else ()),
            *(each.ready[priority] for priority in Priority),
            each.scheduled,
            each.running,
            duration(_age(each)),
            each.journal,
        )
        for each in counts
    ]
    return table(headers, rows)


def _names(counts: Sequence[QueueView]) -> str:
    rows = [
        (each.name, name, *(states.get(state, 0) for state in _STATES))
        for each in counts
        for name, states in sorted(each.names.items())
    ]
    return table(("QUEUE", "NAME", *(state.upper() for state in _STATES)), rows)


def _only(queue: str, counts: Sequence[QueueView]) -> list[QueueView]:
    """Return the counts of one queue; leave when it never had a job."""
    found = [each for each in counts if each.name == queue]
    if not found:
        near = nearest(queue, [each.name for each in counts])
        say(f"queue {queue} has never had a job{_hint(near)}")
        raise typer.Exit(NOT_FOUND)
    return found


def _nobody(queue: str, name: str, waiting: int, near: str | None) -> str:
    jobs = "1 job waits" if waiting == 1 else f"{waiting} jobs wait"
    return f"no live worker knows: {name} ({jobs} in queue {queue}){_hint(near)}"


def _unserved(queue: str) -> str:
    return f"no live worker serves the partitions of queue {queue}: restart those that serve it"


def _hint(near: str | None) -> str:
    return f"; did you mean {near!r}?" if near else ""


def _refused(queue: str, records: int) -> str:
    return f"PostgreSQL refused {records} records of queue {queue}; its journal:bad has them"


def _age(each: QueueView) -> float | None:
    return None if each.oldest_ms is None else each.oldest_ms / 1000


def _for_programs(
    counts: Sequence[QueueView], unknown: Sequence[tuple[str, str, int]]
) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "partitions": each.partitions,
            "ready": {priority.label: each.ready[priority] for priority in Priority},
            "scheduled": each.scheduled,
            "running": each.running,
            "oldest_seconds": _age(each),
            "journal": each.journal,
            "journal_bad": each.journal_bad,
            "names": each.names,
            "unknown_names": [name for queue, name, _ in unknown if queue == each.name],
        }
        for each in counts
    ]
