"""``jobqueue config``: which value each setting has, and why."""

import os

import typer

from jobqueue.cli.context import Cli
from jobqueue.cli.options import takes
from jobqueue.cli.output import table
from jobqueue.settings import SETTINGS, unknown_variables


@takes("redis_url", "database_url", "prefix", "app", json=True)
def config(cli: Cli) -> None:
    """Show each setting and where its value came from.

    Prints a table of name, value and source, passwords hidden; warns about JOBQUEUE_*
    variables that nothing reads. Exits 2 if a value is wrong.
    """
    settings = cli.settings
    shown = {name: row.show(getattr(settings, name)) for name, row in SETTINGS.items()}
    rows = [(name, value, settings.origin(name)) for name, value in shown.items()]
    values = {name: {"value": _typed(name, settings), "from": source} for name, _, source in rows}
    cli.emit(values, table(("SETTING", "VALUE", "FROM"), rows))
    for problem in unknown_variables(os.environ):
        typer.echo(f"jobqueue: warning: {problem}", err=True)


def _typed(name: str, settings: object) -> object:
    row, value = SETTINGS[name], getattr(settings, name)
    return row.show(value) if row.secret else value
