"""Asks before something is destroyed."""

import sys
from collections.abc import Callable

import typer

from jobqueue.cli.errors import FAILURE, say


def confirm(question: Callable[[], str], *, yes: bool) -> None:
    """Go on if ``--yes`` was given or somebody at the terminal agrees; else end the command.

    Args:
        question: Returns what to ask; called only if somebody is asked.
        yes: Whether ``--yes`` was given.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody can be asked here; give --yes", param_hint="--yes")
    # Not typer's own: it writes to stdout, where the results go.
    typer.echo(f"{question()} [y/N]: ", err=True, nl=False)
    answer = sys.stdin.readline()
    if not answer:  # the end of the input
        typer.echo(err=True)
    if answer.strip().lower() not in {"y", "yes"}:
        say("nothing was done")
        raise typer.Exit(FAILURE)
