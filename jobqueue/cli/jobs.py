"""``jobqueue jobs``: look at single jobs, and cancel them."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from jobqueue.cli.context import Cli
from jobqueue.cli.errors import say
from jobqueue.cli.options import takes
from jobqueue.cli.output import block, duration, fields, line, moment, table
from jobqueue.domain.jobs import Priority
from jobqueue.domain.views import ExecutionView, FoundJob

app = typer.Typer(
    name="jobs",
    no_args_is_help=True,
    help="Look at jobs and cancel them.",
    rich_markup_mode=None,
)

_NEEDED = ("redis_url", "database_url", "prefix")


@app.callback()
def jobs() -> None:
    """Look at jobs and cancel them."""


@app.command()
@takes(*_NEEDED, json=True)
def show(
    cli: Cli,
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],
    queue: Annotated[
        str | None, typer.Option(metavar="NAME", help="Look in this queue alone.")
    ] = None,
) -> None:
    """Show a job in any state: what to run, where it stands, how its attempts went.

    Asks Redis and, with a database URL, the history. Prints the job, its attempts as a table
    and the last traceback. Exits 3 if there is no such job, 2 if several queues have one,
    5 if a server can't be reached.
    """
    from jobqueue.app import JobQueue

    found = JobQueue(settings=cli.settings).find_sync(job_id, queue=queue)
    if len(found) > 1:
        names = ", ".join(job.queue for job in found)
        raise typer.BadParameter(f"queues {names} each have job {job_id}; choose one with --queue")
    [job] = found
    if job.history_problem is not None:
        say(f"without its history: {job.history_problem}")
    cli.emit(_for_programs(job), "\n\n".join(_for_people(job)))


@app.command()
@takes("redis_url", "database_url", "prefix", json=True)
def cancel(
    cli: Cli,
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],
    queue: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its queue; else all are asked.")
    ] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for the history.")] = "",
) -> None:
    """Cancel a job: one that waits never runs, one that runs is told.

    Prints the state in which it was. Exits 3 if there is no such job, 4 if it has ended,
    2 if several queues have one, 5 if a server can't be reached.
    """
    from jobqueue.app import JobQueue

    state = JobQueue(settings=cli.settings).cancel_sync(job_id, queue=queue, reason=reason)
    cli.emit({"id": job_id, "state": state.value}, state.value)


def _for_people(job: FoundJob) -> list[str]:
    parts = [fields([*_place(job), *_options(job), *_end(job)])]
    if job.executions:
        parts.append(_table(job.executions))
    if job.error and job.error.traceback:
        parts.append(block(job.error.traceback))
    return parts


def _place(job: FoundJob) -> list[tuple[str, Any]]:
    return [
        ("id", job.id),
        ("queue", job.queue),
        ("name", job.name),
        ("priority", None if job.priority is None else job.priority.label),
        ("state", job.state or "unknown: Redis no longer has it, and no row says how it ended"),
        ("run", job.run or None),
        ("attempts", job.attempts),
        ("deliveries", job.deliveries),
        ("crashes", job.crashes or None),
        ("worker", job.worker),
        ("enqueued", moment(job.enqueued_at)),
        ("due", moment(job.due_at)),
    ]


def _options(job: FoundJob) -> list[tuple[str, Any]]:
    return [
        ("arguments", line(job.arguments)),
        ("timeout", duration(job.timeout)),
        ("retries", None if job.retry is None else job.retry.retries),
        ("result ttl", duration(job.result_ttl)),
        ("metadata", None if job.metadata is None else line(job.metadata)),
        ("tags", ", ".join(job.tags or ()) or None),
    ]


def _progress(job: FoundJob) -> str | None:
    if job.progress is None:
        return None
    return f"{job.progress.fraction:.0%} {job.progress.message}".rstrip()


def _end(job: FoundJob) -> list[tuple[str, Any]]:
    return [
        ("progress", _progress(job)),
        ("result", None if job.result is None else line(job.result)),
        ("error", None if job.error is None else f"{job.error.type}: {job.error.message}"),
    ]


def _table(rows: Sequence[ExecutionView]) -> str:
    headers = (
        "RUN", "ATTEMPT", "DELIVERY", "OUTCOME", "STARTED", "WAIT", "TOOK", "WORKER", "ERROR",
    )  # fmt: skip
    return table(headers, map(_cells, rows))


def _cells(row: ExecutionView) -> tuple[Any, ...]:
    return (
        row.run,
        row.attempt,
        row.delivery,
        row.outcome,
        moment(row.started_at),
        duration(row.wait_seconds),
        duration(row.run_seconds),
        row.worker,
        None if row.error_type is None else f"{row.error_type}: {row.error_message}",
    )


def _for_programs(job: FoundJob) -> dict[str, Any]:
    import msgspec

    shown: dict[str, Any] = msgspec.to_builtins(job)
    shown["executions"] = list(map(row_for_programs, job.executions))
    shown["priority"] = _label(job.priority)
    return shown


def row_for_programs(row: ExecutionView) -> dict[str, Any]:
    """Return a row as ``v_executions`` has it."""
    import msgspec

    shown: dict[str, Any] = msgspec.to_builtins(row)
    durations = {"wait_seconds": row.wait_seconds, "run_seconds": row.run_seconds}
    own = {"execution_id": shown.pop("id"), "priority": _label(row.priority)}
    return shown | durations | own


def _label(priority: Priority | None) -> str | None:
    """Return a word; words last longer than numbers."""
    return None if priority is None else priority.label
