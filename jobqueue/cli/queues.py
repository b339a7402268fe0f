"""``jobqueue queues``: how many jobs are where, and which nobody can run."""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from jobqueue.app import JobQueue
from jobqueue.cli.context import Cli
from jobqueue.cli.errors import NOT_FOUND, say
from jobqueue.cli.hints import maybe, never_had
from jobqueue.cli.options import takes
from jobqueue.cli.output import duration, rate, table
from jobqueue.cli.watching import Every, Shown, Watch, show
from jobqueue.domain.ids import check_queue
from jobqueue.domain.jobs import Priority
from jobqueue.domain.obstacles import no_parts, paused
from jobqueue.domain.views import QueueView

Unknown = tuple[str, str, int]  # queue, name, and how many jobs of it wait

_STATES = ("ready", "blocked", "scheduled", "retrying", "running", "succeeded", "dead")
_EVER = ("succeeded", "dead")  # counted from the queue's beginning
By = StrEnum("By", ["name"])


@takes("redis_url", "prefix", json=True)
def queues(
    cli: Cli,
    queue: Annotated[
        str | None, typer.Argument(metavar="QUEUE", show_default=False, help="Only this one.")
    ] = None,
    by: Annotated[
        By | None, typer.Option(metavar="name", help="A line for each name, by state.")
    ] = None,
    watch: Watch = False,
    every: Every = "2s",
) -> None:
    """Count the jobs of each queue, by priority, or with --by name of each name, by state.

    Prints a table (oldest: how long the first ready job has waited; rate: attempts that ended in a
    second, over the last minute; eta: when the ready ones have run at this rate; journal: ended
    attempts that no recorder has taken yet; succeeded and dead count from the queue's beginning),
    what is paused, and the names that no living worker knows. Exits 3 if QUEUE never had a job,
    5 if Redis can't be reached.
    """
    from jobqueue.client.lookups import unknown_names, unserved

    app = JobQueue(settings=cli.settings)

    def look() -> Shown:
        counts = app.queue_counts_sync()
        if queue is not None:
            counts = _only(check_queue(queue), counts)
        workers = app.living_sync("worker")
        unknown = unknown_names(counts, workers)
        meant = {None, *(each.name for each in counts)}
        notes = [paused(each) for each in app.pauses_sync() if each.queue in meant]
        declared = {name for worker in workers for name in worker["names"]}
        notes += [_nobody(each, declared) for each in unknown]
        notes += [no_parts(each) for each in unserved(counts, workers)]
        notes += [_refused(each.name, each.journal_bad) for each in counts if each.journal_bad]
        tables = _names(counts) if by else _totals(counts)
        shown = _names_for_programs(counts) if by else _for_programs(counts, unknown)
        return shown, "\n\n".join([tables, *(["\n".join(notes)] if notes else [])])

    show(cli, look, watch=watch, every=every)


def _totals(counts: Sequence[QueueView]) -> str:
    labels = [priority.label.upper() for priority in Priority]
    split = any(each.partitions for each in counts)
    more = ("PARTITIONS",) if split else ()
    headers = (
        *("QUEUE", *more, *labels, "BLOCKED", "SCHEDULED", "RUNNING"),
        *("OLDEST", "RATE", "ETA", "JOURNAL"),
    )
    rows = [
        (
            each.name,
            *((each.partitions or "-",) if split else ()),
            *(each.ready[priority] for priority in Priority),
            each.blocked,
            each.scheduled,
            each.running,
            duration(_age(each)),
            rate(each.rate),
            duration(each.eta) if any(each.ready.values()) else None,
            each.journal,
        )
        for each in counts
    ]
    return table(headers, rows)


def _names(counts: Sequence[QueueView]) -> str:
    rows = [tuple(each.values()) for each in _names_for_programs(counts)]
    heads = [f"EVER {each.upper()}" if each in _EVER else each.upper() for each in _STATES]
    return table(("QUEUE", "NAME", *heads), rows)


def _names_for_programs(counts: Sequence[QueueView]) -> list[dict[str, Any]]:
    return [
        {"queue": each.name, "name": name, **{state: states.get(state, 0) for state in _STATES}}
        for each in counts
        for name, states in sorted(each.names.items())
    ]


def _only(queue: str, counts: Sequence[QueueView]) -> list[QueueView]:
    """Return the counts of one queue; leave when it never had a job."""
    found = [each for each in counts if each.name == queue]
    if not found:
        say(never_had(queue, [each.name for each in counts]))
        raise typer.Exit(NOT_FOUND)
    return found


def _nobody(unknown: Unknown, declared: Collection[str]) -> str:
    """Say that nobody can run jobs; workers of other queues may know their name."""
    queue, name, waiting = unknown
    jobs = "1 job waits" if waiting == 1 else f"{waiting} jobs wait"
    if name in declared:
        return f"no live worker serves queue {queue} ({jobs} there: {name})"
    return f"no live worker knows: {name} ({jobs} in queue {queue}){maybe(name, declared)}"


def _refused(queue: str, records: int) -> str:
    return f"PostgreSQL refused {records} records of queue {queue}; its journal:bad has them"


def _age(each: QueueView) -> float | None:
    return None if each.oldest_ms is None else each.oldest_ms / 1000


def _for_programs(counts: Sequence[QueueView], unknown: Sequence[Unknown]) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "partitions": each.partitions,
            "ready": {priority.label: each.ready[priority] for priority in Priority},
            "blocked": each.blocked,
            "scheduled": each.scheduled,
            "running": each.running,
            "oldest_seconds": _age(each),
            "rate": each.rate,
            "eta_seconds": each.eta,
            "journal": each.journal,
            "journal_bad": each.journal_bad,
            "names": each.names,
            "unknown_names": [name for queue, name, _ in unknown if queue == each.name],
        }
        for each in counts
    ]
