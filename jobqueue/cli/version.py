"""``jobqueue version``: what a bug report should say."""

import platform

from jobqueue import __version__
from jobqueue.cli.context import Cli
from jobqueue.cli.options import takes
from jobqueue.cli.output import table

_PACKAGES = ("redis", "msgspec", "psycopg", "sqlalchemy", "alembic", "croniter", "typer")


@takes(json=True)
def version(cli: Cli) -> None:
    """Show versions, for bug reports.

    Prints a table of jobqueue, Python and the packages that matter; a dash means not
    installed.
    """
    versions = {"jobqueue": __version__, "python": platform.python_version()}
    found = versions | {name: _version(name) for name in _PACKAGES}
    cli.emit(found, table(("NAME", "VERSION"), found.items()))


def _version(name: str) -> str | None:
    from importlib import metadata  # slow to import, and --help needs none

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
