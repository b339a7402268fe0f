"""``jobqueue jobs``: look at single jobs; ``control.py`` has the commands that change them."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from jobqueue.app import JobQueue
from jobqueue.cli import values, watching
from jobqueue.cli.context import Cli
from jobqueue.cli.errors import UNREACHABLE, say
from jobqueue.cli.flags import JobId, Most, OfName, OfQueue, WithTag
from jobqueue.cli.hints import new_queue
from jobqueue.cli.options import takes
from jobqueue.cli.output import block, duration, fields, line, moment, table
from jobqueue.cli.values import Text
from jobqueue.cli.watching import Every, Shown, Watch
from jobqueue.domain.jobs import Priority, State
from jobqueue.domain.listing import JobFilter, JobPage
from jobqueue.domain.views import ExecutionView, FoundJob
from jobqueue.domain.why import Reason

app = typer.Typer(
    name="jobs",
    no_args_is_help=True,
    help="Look at jobs and change them.",
    rich_markup_mode=None,
)

_NEEDED = ("redis_url", "database_url", "prefix")


@app.callback()
def jobs() -> None:
    """Look at jobs and change them."""


@app.command("list")
@takes(*_NEEDED, json=True)
def show_all(  # noqa: PLR0913 - each narrows the list
    cli: Cli,
    *,
    queue: OfQueue = None,
    state: Annotated[
        list[State] | None,
        typer.Option(metavar="STATE", help="Only jobs in this state; may be repeated."),
    ] = None,
    name: OfName = None,
    tag: WithTag = None,
    since: Annotated[
        Text,
        typer.Option(
            metavar="TIME",
            help=f"Only those that ended, else were enqueued, since: {values.AGO}.",
        ),
    ] = None,
    until: Annotated[
        Text, typer.Option(metavar="TIME", help=f"Only those before: {values.AGO}.")
    ] = None,
    limit: Most = 50,
    after: Annotated[
        Text, typer.Option(metavar="MARK", help="Go on where the page before has ended.")
    ] = None,
    watch: Watch = False,
    every: Every = "2s",
) -> None:
    """List jobs: running, ready, blocked and scheduled ones by their turn, then ended ones.

    Asks Redis and, with a database URL, the history, whose jobs come with the latest first: those
    of the last seven days where --queue, --tag or --state choose, without --name or --since.
    Prints a table; says on stderr how to go on. Exits 2 if a filter is wrong, 5 if a server
    can't be reached, after what the other one knows.
    """
    queues = JobQueue(settings=cli.settings)

    partly: list[str] = []

    def look() -> Shown:
        where: JobFilter = {  # anew at each look: what is "10m ago" moves on
            "queue": queue,
            "state": state or None,
            "name": name,
            "tag": tag,
            "since": values.ago("--since", since),
            "until": values.ago("--until", until),
        }
        page = queues.list_jobs_sync(after=after, limit=limit, **where)
        partly[:] = _missing(page)
        if page.redis_problem is not None:
            say(f"Redis is away, so jobs that wait or run are not shown: {page.redis_problem}")
        if page.history_problem is not None:
            say(f"without the history: {page.history_problem}")
        if page.looked_back_to is not None and not (cli.json or watch):
            say(f"no job is shown that ended before {moment(page.looked_back_to)}: see --since")
        if queue is not None and not (page.jobs or after or watch):
            new_queue(queues, queue)
        if page.after is not None and not (cli.json or watch):
            say(f"more: the same with --after {page.after}")
        shown = {
            "jobs": list(map(_for_programs, page.jobs)),
            "after": page.after,
            "redis_problem": page.redis_problem,
            "history_problem": page.history_problem,
            "looked_back_to": page.looked_back_to,
        }
        return shown, _list(page.jobs)

    watching.show(cli, look, watch=watch, every=every)
    end_partly(partly)


@app.command()
@takes(*_NEEDED, "journal_limit", json=True)
def show(
    cli: Cli,
    job_id: JobId,
    queue: Annotated[
        str | None, typer.Option(metavar="NAME", help="Look in this queue alone.")
    ] = None,
    watch: Watch = False,
    every: Every = "2s",
) -> None:
    """Show a job in any state: what to run, where it stands, how its attempts went.

    Asks Redis and, with a database URL, the history. Prints the job, what it waits for, its
    attempts as a table and the last traceback. Exits 3 if there is no such job, 2 if several
    queues have one, 5 if a server can't be reached, after what the other one knows.
    """
    from jobqueue.client.lookups import one_queue

    queues = JobQueue(settings=cli.settings)
    partly: list[str] = []

    def look() -> Shown:
        found = queues.find_sync(job_id, queue=queue)
        one_queue(job_id, [each.queue for each in found])
        [job] = found
        partly[:] = _missing(job)
        if job.redis_problem is not None:
            say(f"Redis is away, so a later run of it is not shown: {job.redis_problem}")
        if job.history_problem is not None:
            say(f"without its history: {job.history_problem}")
        asked = _waits(job) or job.state is State.CANCELLED
        why = queues.why_sync(job_id, queue=job.queue).reasons if asked else ()
        people = "\n\n".join(_for_people(job, why))
        ended = next((each for each in why if each.kind == State.CANCELLED), None)
        held = list(why) if ended is None else []
        return _for_programs(job) | {"waits_for": held, "cancelled": ended}, people

    watching.show(cli, look, watch=watch, every=every)
    end_partly(partly)


def end_partly(problems: Sequence[str]) -> None:
    """Exit as one who met a server that is away, where what was printed is not all of it."""
    if problems:
        raise typer.Exit(UNREACHABLE)


def _missing(found: FoundJob | JobPage) -> list[str]:
    return [each for each in (found.redis_problem, found.history_problem) if each is not None]


def _waits(job: FoundJob) -> bool:
    return job.state is not None and job.state is not State.RUNNING and not job.state.terminal


def _list(jobs: Sequence[FoundJob]) -> str:
    headers = ("ID", "QUEUE", "NAME", "PRIORITY", "STATE", "ATTEMPTS", "ENQUEUED", "DUE", "ENDED")
    return table(headers, map(_row, jobs))


def _row(job: FoundJob) -> tuple[Any, ...]:
    return (
        job.id,
        job.queue,
        job.name,
        _label(job.priority),
        job.state,
        job.attempts,
        moment(job.enqueued_at),
        moment(job.due_at),
        moment(job.finished_at),
    )


def _for_people(job: FoundJob, held: Sequence[Reason]) -> list[str]:
    label = "because" if job.state is State.CANCELLED else "waits"
    waits = [(label, each.text) for each in held]
    parts = [fields([*_place(job), *waits, *_options(job), *_end(job)])]
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
        ("state", job.state or _unknown(job)),
        ("run", job.run or None),
        ("attempts", job.attempts),
        ("deliveries", job.deliveries),
        ("crashes", job.crashes or None),
        ("worker", job.worker),
        ("enqueued", moment(job.enqueued_at)),
        ("due", moment(job.due_at)),
        ("started", moment(job.started_at)),
        ("ended", moment(job.finished_at)),
    ]


def _unknown(job: FoundJob) -> str:
    gone = "no longer has it" if job.redis_problem is None else "is away"
    return f"unknown: Redis {gone}, and no row says how it ended"


def _options(job: FoundJob) -> list[tuple[str, Any]]:
    return [
        ("arguments", None if job.arguments is None else line(job.arguments)),
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
    if job.arguments is None:  # not known: null might be taken for what they are
        del shown["arguments"]
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
