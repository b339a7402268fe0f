"""Where values come from: arguments, variables, files; merged into one for each setting."""

import os
from collections import ChainMap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.suggest import did_you_mean
from jobqueue.settings.row import PREFIX
from jobqueue.settings.table import SETTINGS, Settings


class _Given(NamedTuple):
    value: Any
    origin: str


def load(
    overrides: Mapping[str, Any] | None = None,
    *,
    overrides_from: str = "argument",
    environ: Mapping[str, str] | None = None,
    config_file: Path | None = None,
    project_dir: Path | None = None,
) -> Settings:
    """Merge all sources into one value for each setting.

    Args:
        overrides: Values that win over every other source; ``None`` is unset.
        overrides_from: What to call that source in messages.
        environ: The environment; ``None`` means that of this process.
        config_file: A TOML file whose keys are settings.
        project_dir: Where the search for ``pyproject.toml`` begins; ``None``
            means the working folder.

    Raises:
        ConfigurationError: A value is wrong, a key unknown or a file unreadable.
    """
    environ = os.environ if environ is None else environ
    given = ChainMap(
        _from_overrides(overrides or {}, overrides_from),
        dict(_from_variables(environ)),
        dict(_from_fallbacks(environ)),
        _from_config(config_file) if config_file else {},
        _from_project(project_dir or Path.cwd()),
    )
    values = {name: found.value for name, found in given.items()}
    return Settings(**values, origins={name: found.origin for name, found in given.items()})


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Return a message for each ``JOBQUEUE_*`` variable that no setting reads."""
    known = [row.variable for row in SETTINGS.values()]
    known += [f"{row.variable}_FILE" for row in SETTINGS.values() if row.secret]
    known += ["JOBQUEUE_TEST_REDIS_URL", "JOBQUEUE_TEST_DATABASE_URL"]  # of jobqueue.testing
    strange = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    return [f"variable {_unknown(name, known)}" for name in strange]


def _unknown(name: str, known: list[str]) -> str:
    hint = did_you_mean(name, known, otherwise="`jobqueue config` lists all settings")
    return f"{name!r} is no setting; {hint}"


def _from_overrides(overrides: Mapping[str, Any], origin: str) -> dict[str, _Given]:
    for name in overrides:
        if name not in SETTINGS:
            raise ConfigurationError(_unknown(name, list(SETTINGS)))
    return {name: _Given(value, origin) for name, value in overrides.items() if value is not None}


def _from_variables(environ: Mapping[str, str]) -> Iterator[tuple[str, _Given]]:
    for row in SETTINGS.values():
        direct = environ.get(row.variable)
        file_variable = f"{row.variable}_FILE"
        path = environ.get(file_variable) if row.secret else None
        if direct and path:
            raise ConfigurationError(f"{row.variable} and {file_variable} are both set; unset one")
        if direct:
            yield row.name, _Given(direct, row.variable)
        elif path:
            yield row.name, _Given(_read_secret(path, file_variable), file_variable)


def _read_secret(path: str, variable: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{variable}: {path} can't be read: {_reason(error)}") from None


def _from_fallbacks(environ: Mapping[str, str]) -> Iterator[tuple[str, _Given]]:
    for row in SETTINGS.values():
        if row.fallback and environ.get(row.fallback):
            yield row.name, _Given(environ[row.fallback], row.fallback)


def _from_config(path: Path) -> dict[str, _Given]:
    return _from_table(_read_toml(path), path)


def _from_project(folder: Path) -> dict[str, _Given]:
    here = folder.resolve()
    for each in (here, *here.parents):
        path = each / "pyproject.toml"
        # isfile() is also false for a folder we may not look into.
        table = _project_table(path) if os.path.isfile(path) else None  # noqa: PTH113 - see above
        if table is not None:
            return _from_table(table, path)
    return {}


def _project_table(path: Path) -> dict[str, Any] | None:
    tool = _read_toml(path).get("tool")
    table = tool.get("jobqueue") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise ConfigurationError(f"{path}: tool.jobqueue must be a table of settings")
    return table


def _from_table(table: Mapping[str, Any], path: Path) -> dict[str, _Given]:
    for key in table:
        if key not in SETTINGS:
            raise ConfigurationError(f"{path}: {_unknown(key, list(SETTINGS))}")
    # Whole, so that an origin with a path is a file's, and says where that is.
    return {key: _Given(value, str(path.absolute())) for key, value in table.items()}


def _read_toml(path: Path) -> dict[str, Any]:
    import tomllib  # only where there is a file to read

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {_reason(error)}") from None
    except ValueError as error:  # no TOML, or no UTF-8
        raise ConfigurationError(f"{path} is no valid TOML: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
