"""``jobqueue workers``: who lives, and what each of them runs."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from jobqueue.app import JobQueue
from jobqueue.cli.context import Cli
from jobqueue.cli.options import takes
from jobqueue.cli.output import duration, fields, moment, rate, room, table
from jobqueue.cli.watching import Every, Shown, Watch
from jobqueue.cli.watching import show as show_again
from jobqueue.domain.workers import WorkerView

app = typer.Typer(
    name="workers", no_args_is_help=True, help="Look at living workers.", rich_markup_mode=None
)


@app.callback()
def workers() -> None:
    """Look at living workers."""


@app.command("list")
@takes("redis_url", "prefix", json=True)
def show_all(
    cli: Cli,
    queue: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only those that serve this queue.")
    ] = None,
    watch: Watch = False,
    every: Every = "2s",
) -> None:
    """List the living workers: what they serve, how busy they are, whether they take jobs.

    Prints a table, whose numbers are some seconds old. A worker that died is gone after two
    leases. Exits 5 if Redis can't be reached.
    """
    queues = JobQueue(settings=cli.settings)

    def look() -> Shown:
        found = queues.list_workers_sync(queue=queue)
        return list(map(_for_programs, found)), _table(found)

    show_again(cli, look, watch=watch, every=every)


@app.command()
@takes("redis_url", "prefix", json=True)
def show(
    cli: Cli,
    worker: Annotated[str, typer.Argument(metavar="ID", help="The worker's id.")],
    watch: Watch = False,
    every: Every = "2s",
) -> None:
    """Show a living worker, the names that it knows, and the jobs that it runs.

    Prints its fields and a table of jobs, the oldest first. Exits 3 if no living worker has this
    id, 5 if Redis can't be reached.
    """
    queues = JobQueue(settings=cli.settings)

    def look() -> Shown:
        found = queues.find_worker_sync(worker)
        parts = [fields(_fields(found))]
        if found.jobs:
            parts.append(_jobs(found))
        return _for_programs(found), "\n\n".join(parts)

    show_again(cli, look, watch=watch, every=every)


def _table(found: Sequence[WorkerView]) -> str:
    headers = (
        "ID", "STATE", "QUEUES", "RUNNING", "SLOTS", "RATE", "DONE", "UP", "MEMORY", "VERSION",
    )  # fmt: skip
    return table(headers, map(_row, found))


def _row(worker: WorkerView) -> tuple[Any, ...]:
    return (
        worker.id,
        worker.state,
        ", ".join(worker.queues),
        worker.running,
        worker.concurrency,
        rate(worker.rate),
        worker.done,
        duration(worker.uptime),
        None if worker.memory is None else room(worker.memory),
        worker.code_version,
    )


def _fields(worker: WorkerView) -> list[tuple[str, Any]]:
    paused = worker.paused
    return [
        ("id", worker.id),
        ("host", worker.host),
        ("pid", worker.pid),
        ("state", worker.state),
        ("problem", worker.problem),
        ("paused by", paused and paused.operator),
        ("paused since", paused and moment(paused.since)),
        ("reason", paused and (paused.reason or None)),
        ("queues", ", ".join(worker.queues)),
        ("names", ", ".join(worker.names)),
        ("running", f"{worker.running} of {worker.concurrency}"),
        ("rate", rate(worker.rate)),
        ("done", worker.done),
        ("up", duration(worker.uptime)),
        ("memory", None if worker.memory is None else room(worker.memory)),
        ("version", worker.code_version),
    ]


def _jobs(worker: WorkerView) -> str:
    rows = [
        (
            job.id,
            job.queue,
            job.name,
            None if job.priority is None else job.priority.label,
            moment(job.started_at),
        )
        for job in worker.jobs or ()
    ]
    return table(("JOB", "QUEUE", "NAME", "PRIORITY", "SINCE"), rows)


def _for_programs(worker: WorkerView) -> dict[str, Any]:
    import msgspec

    shown: dict[str, Any] = msgspec.to_builtins(worker)
    for job, each in zip(shown["jobs"] or (), worker.jobs or (), strict=True):
        job["priority"] = None if each.priority is None else each.priority.label
    return shown | {"state": worker.state}
