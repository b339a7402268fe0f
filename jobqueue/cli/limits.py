"""``jobqueue limits``: what queues, jobs and keys are limited to, and how much of it is used."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from jobqueue.app import JobQueue
from jobqueue.cli import values
from jobqueue.cli.context import Cli
from jobqueue.cli.flags import Reason
from jobqueue.cli.hints import unknown_job
from jobqueue.cli.options import takes
from jobqueue.cli.output import duration, table
from jobqueue.domain.limits import Rate
from jobqueue.domain.views import LimitView

app = typer.Typer(
    name="limits", no_args_is_help=True, help="Show and set limits.", rich_markup_mode=None
)

_NONE = "none"


@app.command()
@takes("redis_url", "prefix", json=True)
def show(
    cli: Cli,
    queue: Annotated[
        str | None, typer.Argument(metavar="QUEUE", show_default=False, help="Only this one.")
    ] = None,
) -> None:
    """List limits: what counts, what code declares, what was set here, and what is used now.

    Prints a table. Exits 5 if Redis can't be reached.
    """
    _print(cli, JobQueue(settings=cli.settings).limits_sync(queue=queue))


@app.command("set")
@takes("redis_url", "database_url", "prefix", "operator", json=True)
def set_(
    cli: Cli,
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help="The queue.")],
    label: Annotated[
        str,
        typer.Argument(
            metavar="LABEL",
            help="limit:queue, rate:queue, depth:queue, limit:job:NAME, rate:job:NAME, "
            "or a label that `limits show` lists.",
        ),
    ],
    value: Annotated[
        str, typer.Argument(metavar="VALUE", help="A number; for a rate 100/60s; or none.")
    ],
    reason: Reason = "",
) -> None:
    """Set a limit over what code declares, at once and for all workers; none takes it back.

    Prints the limits of the queue. Exits 2 if label or value is wrong, 5 if Redis can't be
    reached.
    """
    app = JobQueue(settings=cli.settings)
    limit = _value(value)
    found = app.set_limit_sync(queue, label, limit, reason=reason)
    if limit is not None:
        unknown_job(app, label)
    _print(cli, found)


def _value(text: str) -> int | Rate | None:
    if text == _NONE:
        return None
    if text.isdecimal():
        return int(text)
    return values.rate(text, "VALUE", ", a number, or none")


def _print(cli: Cli, found: Sequence[LimitView]) -> None:
    headers = ("QUEUE", "LIMIT", "N", "PER", "DECLARED", "SET", "USED", "PARKED")
    cli.emit(list(found), table(headers, map(_row, found)))


def _row(limit: LimitView) -> tuple[Any, ...]:
    return (
        limit.queue,
        limit.label,
        limit.n,
        duration(limit.per),
        limit.declared,
        limit.set,
        limit.used,
        limit.parked,
    )
