"""The one table of settings: the fields of :class:`Settings`, each with its row."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from jobqueue.domain import kinds
from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.kinds import ValueKind
from jobqueue.domain.retry import MOST_RETRIES
from jobqueue.settings.row import Setting

T = TypeVar("T")

DAY = 86_400.0
# The answer to an enqueue is kept for an hour, less a margin: repeating the call
# after that could make a second job.
LONGEST_ENQUEUE = 3_300.0


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
        "Where Redis is: redis://, rediss://, unix://, or redis+sentinel:// and redis+cluster://.",
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
    replicas: int = _setting(
        1, kinds.WHOLE, "Replicas that must have a job of some durability.", least=1
    )
    replication_timeout: float = _setting(
        3.0, kinds.DURATION, "How long enqueue waits for these replicas.", least=0.01
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
    dead_letter_retention: float | None = _setting(
        None,
        kinds.DURATION,
        "How long dead letters are kept that nobody puts back; unset: until deleted.",
        least=DAY,
    )
    operator_log_retention: float = _setting(
        365 * DAY, kinds.DURATION, "How long the log of what operators did is kept.", least=DAY
    )
    operator: str | None = _setting(
        None,
        kinds.TEXT,
        "Who gives commands, for the operator log; unset: user@host of the process.",
    )
    blocked_limit: float | None = _setting(
        None,
        kinds.DURATION,
        "How long a handler may block the event loop before its worker ends; unset: for ever.",
        least=1,
    )
    health_port: int = _setting(
        0, kinds.WHOLE, "Port of /livez and /readyz of a service; 0: none.", least=0, most=65_535
    )
    health_host: str = _setting(
        "127.0.0.1", kinds.TEXT, "Address of that port; 0.0.0.0 for all of the machine's."
    )
    code_version: str | None = _setting(
        None,
        kinds.TEXT,
        "Version of your code, beside each execution; unset: its git commit or package version.",
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
