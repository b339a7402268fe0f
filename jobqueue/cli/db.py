"""``jobqueue db``: the schema of the history in PostgreSQL."""

from typing import Annotated

import typer

from jobqueue.cli.context import Cli
from jobqueue.cli.options import takes
from jobqueue.cli.output import room, table

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
    """Check that this version can work with the schema.

    Prints the revision. Exits 1 with what to run if it can't, 5 if PostgreSQL
    is unreachable.
    """
    from jobqueue.history import migrate

    url = cli.settings.required("database_url")
    migrate.check(url)
    _show(cli, migrate.current(url))


@app.command()
@takes("database_url", json=True)
def size(cli: Cli) -> None:
    """Show how much room the history takes, table by table and month by month.

    Prints a table; rows are PostgreSQL's estimate, - before there is one. Exits 5 if PostgreSQL is
    unreachable.
    """
    from jobqueue.history import sizes

    found = sizes.sizes(cli.settings.required("database_url"))
    total, indexes = sum(each.bytes for each in found), sum(each.index_bytes for each in found)
    lines = [(each.table, each.rows, room(each.bytes), room(each.index_bytes)) for each in found]
    lines.append(("all", None, room(total), room(indexes)))
    cli.emit({"bytes": total, "tables": found}, table(("TABLE", "ROWS", "SIZE", "INDEXES"), lines))


@app.command()
@takes("database_url", json=True)
def grant(
    cli: Cli,
    role: Annotated[str, typer.Argument(help="A role of PostgreSQL that exists.")],
) -> None:
    """Let a role read the history: views, executions, dead letters without their secrets.

    Prints the statements that it ran. Repeat it after `db upgrade`, for new views. Exits 2 if there
    is no such role, 1 if you may not grant, 5 if PostgreSQL is unreachable.
    """
    from jobqueue.history import grants

    done = grants.grant(cli.settings.required("database_url"), role)
    cli.emit({"statements": done}, "\n".join(f"{each};" for each in done))


def _show(cli: Cli, revision: str | None) -> None:
    cli.emit({"revision": revision}, revision or "-")
