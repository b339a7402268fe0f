"""``jobqueue limits``: what queues, jobs and keys are limited to, and how much of it is used."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from jobqueue.cli.context import Cli
from jobqueue.cli.options import takes
from jobqueue.cli.output import duration, table
from jobqueue.domain.limits import Rate
from jobqueue.domain.units import read_seconds
from jobqueue.domain.views import LimitView

app = typer.Typer(
    name="limits", no_args_is_help=True, help="Show and set limits.", rich_markup_mode=None
)

_NONE = "none"
_RATE = re.compile(r"([0-9]+)/([0-9]*)([A-Za-z]*)")


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
    from jobqueue.app import JobQueue

    _print(cli, JobQueue(settings=cli.settings).limits_sync(queue=queue))


@app.command("set")
@takes("redis_url", "prefix", json=True)
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
) -> None:
    """Set a limit over what code declares, at once and for all workers; none takes it back.

    Prints the limits of the queue. Exits 2 if label or value is wrong, 5 if Redis can't be
    reached.
    """
    from jobqueue.app import JobQueue

    _print(cli, JobQueue(settings=cli.settings).set_limit_sync(queue, label, _value(value)))


def _value(text: str) -> int | Rate | None:
    if text == _NONE:
        return None
    if text.isdecimal():
        return int(text)
    match = _RATE.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        problem = f"{text!r} is no limit; write a number, a rate such as 100/60s or 5/s, or none"
        raise typer.BadParameter(problem, param_hint="VALUE")
    try:
        return Rate(int(match[1]), read_seconds(f"{match[2] or 1}{match[3]}"))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="VALUE") from None


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
