"""``jobqueue db``: the schema of the history in PostgreSQL."""

import typer

from jobqueue.cli.context import Cli
from jobqueue.cli.options import takes

app = typer.Typer(
    name="db", no_args_is_help=True, help="Manage the schema in PostgreSQL.", rich_markup_mode=None
)


@app.command()
@takes("database_url", json=True)
def upgrade(cli: Cli) -> None:
    """Bring the schema to the revision of this version; repeating it changes nothing.

    Prints the revision. Exits 5 if PostgreSQL is unreachable, 1 if a newer version of
    jobqueue has already changed the schema.
    """
    from jobqueue.history import migrate

    url = cli.settings.required("database_url")
    migrate.upgrade(url)
    _show(cli, migrate.current(url))


@app.command()
@takes("database_url", json=True)
def current(cli: Cli) -> None:
    """Show the revision of the schema; a dash means that there is none.

    Prints the revision. Exits 5 if PostgreSQL is unreachable.
    """
    from jobqueue.history import migrate

    _show(cli, migrate.current(cli.settings.required("database_url")))


@app.command()
@takes("database_url", json=True)
def check(cli: Cli) -> None:
    """Check that the schema is the one this version needs.

    Prints the revision. Exits 1 with what to run if it is another one, 5 if PostgreSQL
    is unreachable.
    """
    from jobqueue.history import migrate

    url = cli.settings.required("database_url")
    migrate.check(url)
    _show(cli, migrate.current(url))


def _show(cli: Cli, revision: str | None) -> None:
    cli.emit({"revision": revision}, revision or "-")
