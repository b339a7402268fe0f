"""``--watch``: show something again and again, until Ctrl-C."""

import sys
import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from jobqueue.cli import values
from jobqueue.cli.context import Cli
from jobqueue.cli.errors import say
from jobqueue.domain.errors import BrokerUnavailable, HistoryUnavailable

Watch = Annotated[bool, typer.Option("--watch", help="Show it again and again, until Ctrl-C.")]
Every = Annotated[str, typer.Option(metavar="DURATION", help="How often, with --watch.")]

SHORTEST = 0.2  # seconds between two looks
_HOME = "\x1b[H\x1b[2J"  # the cursor to the corner, and nothing on the screen

Shown = tuple[Any, str]  # for programs, for people


def show(cli: Cli, look: Callable[[], Shown], *, watch: bool, every: str) -> None:
    """Print what ``look`` returns, with ``--watch`` again and again.

    A terminal is cleared each time; elsewhere an empty line stands in between, and of JSON each
    look is one line. A server that goes away while it is watched is waited for.

    Args:
        cli: The call.
        look: Asks, and returns the answer for programs and for people.
        watch: Whether ``--watch`` was given.
        every: How often, as ``--every`` has it.
    """
    seconds = values.period("--every", every, SHORTEST)
    if not watch:
        cli.emit(*look())
        return
    _print(cli, look())
    while True:
        time.sleep(seconds)
        try:
            shown = look()
        except (BrokerUnavailable, HistoryUnavailable) as error:
            say(str(error))
        else:
            _print(cli, shown)


def _print(cli: Cli, shown: Shown) -> None:
    value, people = shown
    if cli.json:
        from jobqueue.cli.output import line

        typer.echo(line(value))
    elif sys.stdout.isatty():
        typer.echo(f"{_HOME}{people}", color=True)
    else:
        typer.echo(f"{people}\n")
    sys.stdout.flush()
