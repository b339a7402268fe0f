"""``jobqueue top``: a screen with live queues, workers and jobs, and keys to act on them."""

import sys
from typing import Annotated

import typer

from jobqueue.cli import values
from jobqueue.cli.context import Cli
from jobqueue.cli.options import takes
from jobqueue.cli.startup import any_app
from jobqueue.cli.watching import SHORTEST
from jobqueue.domain.errors import ConfigurationError


@takes("redis_url", "database_url", "prefix", "operator")
def top(
    cli: Cli,
    every: Annotated[str, typer.Option(metavar="DURATION", help="How often it looks.")] = "2s",
) -> None:
    """Show live queues, workers and jobs on a screen; pause, cancel and retry by keys.

    Prints nothing but the screen, whose last line has the keys; needs jobqueue[tui] and a
    terminal. What changes something asks first and goes into the operator log. A server that
    goes away is waited for. Exits 0 after q, 2 without the extra or a terminal.
    """
    seconds = values.period("--every", every, SHORTEST)
    try:
        from jobqueue.cli.screen.top import Top
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"textual", "rich"}:
            raise
        raise ConfigurationError("textual is missing: install jobqueue[tui]") from None
    if not sys.stdout.isatty():
        raise ConfigurationError("no terminal here; `jobqueue queues --watch` needs none")
    app = any_app(cli)
    app.settings.required("redis_url")  # refused here, not on the screen
    Top(app, seconds).run()
