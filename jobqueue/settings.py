"""Every setting of jobqueue: its name, its form, its default, and where its value came from.

The fields of :class:`Settings` are the one table; flags, ``JOBQUEUE_*`` variables, keys
of configuration files, ``.env.example`` and the documentation all come from it. A value
is looked up in this order, and the first source that has one wins:

1. an override: a flag of the command line, or an argument of ``JobQueue``;
2. ``JOBQUEUE_<NAME>``, or the file that ``JOBQUEUE_<NAME>_FILE`` names, for secrets;
3. ``REDIS_URL`` and ``DATABASE_URL``;
4. the file of ``--config`` (TOML);
5. ``[tool.jobqueue]`` in the nearest ``pyproject.toml`` that has one, from the
   working folder upwards;
6. the default.

One rule: a source that says nothing, or an empty variable, leaves the value unset until
this merge; no default ever hides a value of a later source. Only the value that wins is
checked, so a flag can repair a wrong variable.
"""

import os
from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from jobqueue.domain import kinds, urls
from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.kinds import ValueKind
from jobqueue.domain.retry import MOST_RETRIES
from jobqueue.domain.suggest import did_you_mean

T = TypeVar("T")

PREFIX = "JOBQUEUE_"
DAY = 86_400.0
# The answer to an enqueue is kept for an hour, less a margin: repeating the call
# after that could make a second job.
LONGEST_ENQUEUE = 3_300.0


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One row of the table: a setting, what it takes and what it is for.

    Args:
        name: The field of :class:`Settings` and the key in files.
        default: The typed value when nobody says anything; ``None`` when there is none.
        kind: How a value is read and shown.
        help: What it does, for people.
        least: The lowest value allowed, if there is one.
        most: The highest value allowed, if there is one.
        secret: Whether the value holds a password. It is then never shown
            whole, and may come from a file.
        fallback: A variable without our prefix that is asked after our own.
    """

    name: str
    default: Any
    kind: ValueKind
    help: str
    least: float | None = None
    most: float | None = None
    secret: bool = False
    fallback: str | None = None

    @property
    def variable(self) -> str:
        """The environment variable, such as ``JOBQUEUE_REDIS_URL``."""
        return PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        """The option of the command line, such as ``--redis-url``."""
        return "--" + self.name.replace("_", "-")

    def check(self, value: Any, origin: str) -> Any:
        """Return the typed value.

        Raises:
            ConfigurationError: It is of another form or out of bounds. The message
                names the setting and ``origin``.
        """
        try:
            typed = self.kind.parse(value)
            self._check_bounds(typed)
        except ValueError as error:
            raise ConfigurationError(f"{self.name} ({origin}): {error}") from None
        return typed

    def show(self, value: Any) -> str | None:
        """Return the value as text that may be printed: passwords hidden, ``None`` unset."""
        if value is None:
            return None
        shown = self.kind.show(value)
        return urls.hide_secrets(shown) if self.secret else shown

    def _check_bounds(self, value: Any) -> None:
        if self.least is not None and value < self.least:
            raise ValueError(f"must be at least {self.kind.show(self.least)}")
        if self.most is not None and value > self.most:
            raise ValueError(f"must be at most {self.kind.show(self.most)}")


def _setting(
    default: T,
    kind: ValueKind,
    help: str,  # noqa: A002 - the row's name for it
    **more: Any,
) -> T:
    row = {"kind": kind, "help": help, **more}
    secret = more.get("secret", False)
    return field(default=default, repr=not secret, metadata={"row": row})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The merged settings; durations are seconds, sizes are bytes."""

    redis_url: str | None = _setting(
        None,
        kinds.REDIS_URL,
        "Where Redis is: redis://, rediss:// or unix:// with user, password and database.",
        secret=True,
        fallback="REDIS_URL",
    )
    database_url: str | None = _setting(
        None,
        kinds.DATABASE_URL,
        "Where PostgreSQL is: postgresql:// with user, password, host and database.",
        secret=True,
        fallback="DATABASE_URL",
    )
    prefix: str = _setting(
        "jobqueue",
        kinds.PREFIX,
        "What every Redis key begins with; installations with different ones share a server.",
    )
    app: str | None = _setting(
        None, kinds.APP, "The JobQueue object that worker and scheduler load, as MODULE:APP."
    )
    default_queue: str = _setting("default", kinds.QUEUE, "Queue of jobs that name none.")
    default_priority: str = _setting(
        "normal", kinds.PRIORITY, "Priority of jobs that name none: critical, high, normal, low."
    )
    default_timeout: float | None = _setting(
        None, kinds.DURATION, "Longest run of one attempt; unset means no limit.", least=0.001
    )
    retries: int = _setting(
        3,
        kinds.WHOLE,
        "Retries of jobs that set none; 0 means one run.",
        least=0,
        most=MOST_RETRIES,
    )
    crash_budget: int = _setting(
        3, kinds.WHOLE, "Workers that may die running a job before it is a dead letter.", least=1
    )
    concurrency: int = _setting(
        100, kinds.WHOLE, "Jobs that one worker process runs at once.", least=1
    )
    threads: int = _setting(
        32, kinds.WHOLE, "Plain functions that one worker process runs at once.", least=1
    )
    processes: int = _setting(1, kinds.WHOLE, "Worker processes.", least=1)
    queues: tuple[str, ...] | Mapping[str, int] | None = _setting(
        None,
        kinds.QUEUES,
        "Queues to serve, each before the next (a,b) or by weight (a:6,b:3); unset: the app's.",
    )
    queue_concurrency: Mapping[str, int] | None = _setting(
        None, kinds.COUNTS, "Jobs of a queue that one worker process runs at once."
    )
    grace: float = _setting(
        25.0, kinds.DURATION, "How long a stopping worker waits before it hands jobs back.", least=0
    )
    lease: float = _setting(
        15.0,
        kinds.DURATION,
        "How long a silent worker owns its jobs; it renews at a third of this.",
        least=2,
    )
    enqueue_timeout: float = _setting(
        10.0,
        kinds.DURATION,
        "How long enqueue tries to reach Redis.",
        least=0.1,
        most=LONGEST_ENQUEUE,
    )
    idempotency_ttl: float = _setting(
        DAY, kinds.DURATION, "How long an idempotency key is remembered after its job.", least=1
    )
    max_arguments: int = _setting(
        1 << 20, kinds.SIZE, "Largest arguments of a job, as JSON.", least=2
    )
    max_result: int = _setting(64 << 10, kinds.SIZE, "Largest result of a job, as JSON.", least=4)
    max_traceback: int = _setting(
        16 << 10, kinds.SIZE, "Longest traceback that is kept; of more, head and tail.", least=1024
    )
    result_ttl: float = _setting(
        3_600.0, kinds.DURATION, "How long Redis keeps a result that is not None.", least=0
    )
    journal_limit: int | None = _setting(
        None,
        kinds.SIZE,
        "Journal in Redis at which workers stop fetching; unset: 2GiB or a quarter of maxmemory.",
        least=1 << 20,
    )
    history_retention: float = _setting(
        90 * DAY, kinds.DURATION, "How long PostgreSQL keeps executions.", least=DAY
    )
    code_version: str | None = _setting(
        None, kinds.TEXT, "Version of your code, written beside each execution."
    )
    log_level: str = _setting(
        "info", kinds.LOG_LEVEL, "Least severe logs: debug, info, warning, error, critical."
    )
    log_format: str | None = _setting(
        None,
        kinds.LOG_FORMAT,
        "Form of logs: people or json; unset: people on a terminal, else json.",
    )
    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check every value, wherever it came from.

        Raises:
            ConfigurationError: One is wrong; the message names it and its origin.
        """
        for name, row in SETTINGS.items():
            value = getattr(self, name)
            if value is not None:
                checked = row.check(value, self.origins.get(name, "argument"))
                object.__setattr__(self, name, checked)

    def origin(self, name: str) -> str:
        """Return where the value of a setting came from; ``default`` when nobody gave one."""
        return self.origins.get(name, "default")

    def home(self, name: str) -> Path | None:
        """Return the folder of the file that gave a value; None when it came from elsewhere."""
        origin = Path(self.origin(name))
        return origin.parent if origin.is_absolute() else None

    def required(self, name: Literal["app", "database_url", "redis_url"]) -> str:
        """Return a setting that has no default.

        Raises:
            ConfigurationError: It is not set; the message says how to.
        """
        value: str | None = getattr(self, name)
        if value is None:
            row = SETTINGS[name]
            variables = " or ".join(filter(None, (row.variable, row.fallback)))
            raise ConfigurationError(
                f"{name} is not set: give {row.flag}, set {variables}, "
                f"or write {name} under [tool.jobqueue] in pyproject.toml"
            )
        return value


SETTINGS: dict[str, Setting] = {
    each.name: Setting(name=each.name, default=each.default, **each.metadata["row"])
    for each in fields(Settings)
    if each.metadata
}


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
