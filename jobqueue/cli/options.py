"""Flags made from the table of settings, so that none is described twice.

A command says which settings it takes; their flags, help and defaults come from
``jobqueue.settings``, and their values go there as written: one parser reads flags, variables
and files alike. The same flags before the command's name work for every command.
"""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from jobqueue.cli.context import Cli
from jobqueue.cli.errors import report
from jobqueue.domain.errors import JobQueueError
from jobqueue.settings import SETTINGS, Setting

_EVERYWHERE = ("log_level", "log_format")
_CONFIG = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="TOML file with settings, one key for each."),
]
_JSON = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
_CONTEXT = inspect.Parameter(
    "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
)


def takes(*names: str, json: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function into a command that takes the flags of these settings.

    The function gets a :class:`Cli` first and then its own parameters. ``--config`` and
    the log flags are added to every command. An error of ours ends the command with
    its one line and exit code.

    Args:
        names: Settings whose flags the command takes.
        json: Whether it takes ``--json``.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(function).parameters.values())[1:]
        flags = _parameters(names, json=json)

        @functools.wraps(function)
        def command(context: typer.Context, **given: Any) -> None:
            cli = (context.obj or Cli()).plus(given)
            context.obj = cli  # commands of a group begin with what the group was given
            try:
                function(cli, **{each.name: given[each.name] for each in own})
            except JobQueueError as error:
                raise typer.Exit(report(error, debug=cli.debug)) from None

        command.__signature__ = inspect.Signature([_CONTEXT, *own, *flags])  # type: ignore[attr-defined]
        return command

    return decorate


def _parameters(names: tuple[str, ...], *, json: bool) -> list[inspect.Parameter]:
    flags = [_flag(SETTINGS[name]) for name in (*names, *_EVERYWHERE)]
    flags.append(_keyword("config", None, _CONFIG))
    if json:
        flags.append(_keyword("json", False, _JSON))
    return flags


def _flag(row: Setting) -> inspect.Parameter:
    default = row.show(row.default)
    option = typer.Option(
        row.flag,
        metavar=row.kind.label.upper(),
        help=row.help + (f" [default: {default}]" if default else ""),
    )
    return _keyword(row.name, None, Annotated[str | None, option])


def _keyword(name: str, default: Any, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )
