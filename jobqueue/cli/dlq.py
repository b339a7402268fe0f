"""``jobqueue dlq``: jobs that failed for good, and how to run them again."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from jobqueue.app import JobQueue
from jobqueue.cli.context import Cli
from jobqueue.cli.errors import exit_code, say
from jobqueue.cli.options import takes
from jobqueue.cli.output import moment, table
from jobqueue.domain.views import DeadLetter, Retried

app = typer.Typer(
    name="dlq",
    no_args_is_help=True,
    help="List dead letters and retry them.",
    rich_markup_mode=None,
)

_PAGE = 500
_LONGEST = 80  # characters of an error in the table

Queue = Annotated[str | None, typer.Option(metavar="NAME", help="Only jobs of this queue.")]
Name = Annotated[str | None, typer.Option(metavar="NAME", help="Only jobs of this name.")]


@app.command("list")
@takes("database_url", json=True)
def show(
    cli: Cli,
    queue: Queue = None,
    name: Name = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most letters.")] = 50,
    before: Annotated[
        str | None, typer.Option(metavar="LETTER", help="Go on after this one of the page before.")
    ] = None,
) -> None:
    """List the jobs that failed for good and were not put back, the newest first.

    Prints a table; with --json also arguments and tracebacks. Exits 5 if PostgreSQL can't be
    reached.
    """
    found = JobQueue(settings=cli.settings).dead_letters_sync(
        queue=queue, name=name, before=before, limit=limit
    )
    headers = ("ID", "QUEUE", "NAME", "ATTEMPTS", "CRASHES", "FAILED", "REASON", "ERROR")
    cli.emit([_for_programs(each) for each in found], table(headers, map(_row, found)))
    if len(found) == limit and not cli.json:
        typer.echo(f"more: jobqueue dlq list --before {found[-1].execution_id}", err=True)


@app.command()
@takes("redis_url", "database_url", "prefix", "enqueue_timeout", json=True)
def retry(
    cli: Cli,
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", show_default=False, help="Ids of jobs or of letters."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Retry all that are listed.")] = False,
    queue: Queue = None,
    name: Name = None,
) -> None:
    """Put dead letters back on their queue, with all their attempts again.

    Prints one job id per line; exits 3 if one is unknown, 4 if one waits or runs already or
    another has its unique key, after the others went back; 5 if a server can't be reached.
    """
    if bool(ids) == everything:
        raise typer.BadParameter("give ids or --all", param_hint="ID")
    if ids and (queue or name):
        raise typer.BadParameter("only --all can be narrowed", param_hint="--queue, --name")
    jobs = JobQueue(settings=cli.settings)
    pages = iter([jobs.retry_dead_letters_sync(ids)]) if ids else _all(jobs, queue, name)
    done: list[Retried] = []
    for page in pages:
        done += page
        _report(cli, page)
    if cli.json:
        cli.emit([_answer(each) for each in done], "")
    errors = [each.error for each in done if each.error is not None]
    if errors:
        raise typer.Exit(max(map(exit_code, errors)))


def _all(jobs: JobQueue, queue: str | None, name: str | None) -> Iterator[list[Retried]]:
    """Retry page by page; one that does not go back stays open and must not be met again."""
    before = None
    while True:
        page = jobs.dead_letters_sync(queue=queue, name=name, before=before, limit=_PAGE)
        if page:
            yield jobs.retry_dead_letters_sync(letter.execution_id for letter in page)
            before = page[-1].execution_id
        if len(page) < _PAGE:
            return


def _report(cli: Cli, page: list[Retried]) -> None:
    for each in page:
        if each.error is not None:
            say(str(each.error))
        elif not cli.json:
            typer.echo(each.job_id)


def _answer(each: Retried) -> dict[str, Any]:
    problem = None if each.error is None else str(each.error)
    return {"id": each.id, "job_id": each.job_id, "queue": each.queue, "error": problem}


def _row(letter: DeadLetter) -> tuple[Any, ...]:
    error = letter.error_type
    if error is not None and letter.error_message:
        error = f"{error}: {letter.error_message}"
    if error is not None and len(error) > _LONGEST:
        error = f"{error[:_LONGEST]}…"
    return (
        letter.job_id,
        letter.queue,
        letter.name,
        letter.attempts,
        letter.crashes,
        moment(letter.failed_at),
        letter.reason,
        error,
    )


def _for_programs(letter: DeadLetter) -> dict[str, Any]:
    import msgspec

    shown: dict[str, Any] = msgspec.structs.asdict(letter)
    del shown["spec"], shown["redriven_at"], shown["deleted_at"]
    return shown | {"priority": letter.priority.label}
