"""``jobqueue log``: who did what, when and why."""

from typing import Annotated, Any

import typer

from jobqueue.cli import values
from jobqueue.cli.context import Cli
from jobqueue.cli.errors import say
from jobqueue.cli.flags import Most
from jobqueue.cli.options import takes
from jobqueue.cli.output import line, moment, table
from jobqueue.cli.values import Text
from jobqueue.domain.entries import LogEntry, LogFilter

_LONGEST = 120  # characters of details in a table


@takes("database_url", json=True)
def log(  # noqa: PLR0913 - each narrows the list
    cli: Cli,
    *,
    who: Annotated[
        Text, typer.Option(metavar="NAME", help="Only this operator; ann means ann@ any host too.")
    ] = None,
    what: Annotated[
        Text,
        typer.Option(metavar="COMMAND", help="Only this, such as pause or dlq.retry, or all dlq."),
    ] = None,
    queue: Annotated[Text, typer.Option(metavar="NAME", help="Only what this queue saw.")] = None,
    job: Annotated[Text, typer.Option(metavar="ID", help="Only what was done to this job.")] = None,
    since: Annotated[
        Text, typer.Option(metavar="TIME", help=f"Only since then: {values.AGO}.")
    ] = None,
    until: Annotated[
        Text, typer.Option(metavar="TIME", help=f"Only before then: {values.AGO}.")
    ] = None,
    limit: Most = 50,
    after: Annotated[
        Text, typer.Option(metavar="ENTRY", help="Go on where the page before has ended.")
    ] = None,
) -> None:
    """Show what operators did, the newest first: when, who, what, to what, and why.

    Prints a table; says on stderr how to go on. Exits 2 if a filter is wrong, 5 if PostgreSQL
    can't be reached.
    """
    from jobqueue.app import JobQueue

    where: LogFilter = {
        "who": who,
        "what": what,
        "queue": queue,
        "job_id": job,
        "since": values.ago("--since", since),
        "until": values.ago("--until", until),
    }
    found = JobQueue(settings=cli.settings).operator_log_sync(after=after, limit=limit, **where)
    headers = ("AT", "WHO", "WHAT", "QUEUE", "JOB", "WHY", "MORE")
    cli.emit(found, table(headers, map(_row, found)))
    if len(found) == limit and not cli.json:
        say(f"more: the same with --after {found[-1].id}")


def _row(entry: LogEntry) -> tuple[Any, ...]:
    return (
        moment(entry.at),
        entry.operator,
        entry.action,
        entry.queue,
        entry.job_id,
        entry.reason,
        _more(entry),
    )


def _more(entry: LogEntry) -> str | None:
    """Return filter and details as JSON, cut where they are long: ``--json`` has all of it."""
    known = (entry.filter or {}) | (entry.details or {})
    text = line(known) if known else None
    return f"{text[:_LONGEST]}…" if text is not None and len(text) > _LONGEST else text
