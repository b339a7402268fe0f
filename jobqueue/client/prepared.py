"""Turns options and arguments into a job that is ready to be sent.

Everything is checked here, before anything is sent: a refusal names the option
or the argument, and nothing is stored.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypedDict

import msgspec

from jobqueue.broker.calls import NewJob
from jobqueue.domain.arguments import encode
from jobqueue.domain.errors import ConfigurationError, InvalidJob
from jobqueue.domain.handlers import Handler
from jobqueue.domain.ids import check_job_id, check_name, check_queue, uuid7
from jobqueue.domain.jobs import SPEC_VERSION, Priority, Spec
from jobqueue.domain.retry import Retry, RetrySpec
from jobqueue.domain.suggest import did_you_mean

PriorityName = Literal["critical", "high", "normal", "low"]
Seconds = float | timedelta

LONGEST_DELAY = 100 * 366 * 86400.0  # seconds
EPOCH, MILLISECOND = datetime.fromtimestamp(0, UTC), timedelta(milliseconds=1)


class JobOptions(TypedDict, total=False):
    """Options of one job; each overrides the handler's.

    ``queue``, ``priority``, ``retry`` (a number of retries or a ``Retry``), ``timeout``
    of one attempt, ``delay`` or ``run_at`` (an aware datetime; the past runs at once),
    ``job_id`` of your own, ``result_ttl``. Durations are seconds or ``timedelta``.
    ``None`` means not given.
    """

    queue: str | None
    priority: PriorityName | Priority | None
    retry: Retry | int | None
    timeout: Seconds | None
    delay: Seconds | None
    run_at: datetime | None
    job_id: str | None
    result_ttl: Seconds | None


OPTIONS = frozenset(JobOptions.__annotations__)


# gc=False here and in what it holds: they make no cycles, and bulk enqueueing makes many.
class Prepared(msgspec.Struct, frozen=True, gc=False):
    """A checked job that can be sent; made by ``prepare`` and used by ``enqueue_many``."""

    queue: str
    job: NewJob
    spec: bytes
    returns: Any


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a job gets when neither it nor its handler says otherwise."""

    queue: str
    priority: Priority
    max_arguments: int


_pack = msgspec.msgpack.Encoder().encode


class Template:
    """A name with its options, checked once and used for many jobs.

    Args:
        name: Name of the job.
        handler: Its handler, if the code is here.
        options: Options of these jobs.

    Raises:
        InvalidJob: An option is unknown or wrong; the error names it.
    """

    __slots__ = (
        "_at_ms", "_delay_ms", "_job_id", "_name", "_priority", "_queue", "_retry", "_returns",
        "_timeout_ms", "_ttl_ms",
    )  # fmt: skip

    def __init__(self, name: str, handler: Handler | None, options: JobOptions) -> None:
        check_options(options)
        self._name = check_name(name)
        self._queue = handler.queue if handler else None
        if (queue := options.get("queue")) is not None:
            self._queue = check_queue(queue)
        priority = options.get("priority")
        if priority is None:
            self._priority = handler.priority if handler else None
        else:
            self._priority = parse_priority(priority)
        self._delay_ms = _ms("delay", options.get("delay"))
        self._at_ms = _at(options.get("run_at"))
        if self._delay_ms is not None and self._at_ms is not None:
            raise InvalidJob("run_at", "give run_at or delay, not both")
        job_id, retry = options.get("job_id"), options.get("retry")
        self._job_id = None if job_id is None else check_job_id(job_id)
        self._timeout_ms = timeout_ms(options.get("timeout"))
        result_ttl = options.get("result_ttl")
        if result_ttl is None and handler:
            result_ttl = handler.result_ttl
        self._ttl_ms = _ms("result_ttl", result_ttl)
        self._retry = None if retry is None else retry_spec(retry)
        self._returns = handler.returns if handler else Any

    def make(self, arguments: dict[str, Any], defaults: Defaults) -> Prepared:
        """Return a job with these arguments.

        Raises:
            InvalidJob: An argument can't be stored, or all together are too large.
        """
        spec = Spec(
            SPEC_VERSION,
            encode(arguments, defaults.max_arguments),
            self._timeout_ms,
            self._retry,
            self._ttl_ms,
        )
        job_id = self._job_id or uuid7(time.time_ns() // 1_000_000)
        priority = defaults.priority if self._priority is None else self._priority
        job = NewJob(job_id, int(priority), self._delay_ms, self._at_ms, self._name)
        return Prepared(self._queue or defaults.queue, job, _pack(spec), self._returns)


def check_options(options: JobOptions) -> None:
    """Refuse unknown options.

    Raises:
        InvalidJob: There is one; the error says which one may have been meant.
    """
    for name in options.keys() - OPTIONS:
        raise InvalidJob(name, f"no such option; {did_you_mean(name, sorted(OPTIONS))}")


def parse_priority(value: object) -> Priority:
    """Return the priority of this name.

    Raises:
        InvalidJob: There is none.
    """
    if isinstance(value, Priority):
        return value
    names = [p.label for p in Priority]
    if not isinstance(value, str) or value not in names:
        raise InvalidJob("priority", f"{value!r} is none; {did_you_mean(str(value), names)}")
    return Priority[value.upper()]


def seconds_of(option: str, value: object) -> float:
    """Return a duration in seconds.

    Raises:
        InvalidJob: It is no number of seconds or ``timedelta``, negative or endless.
    """
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise InvalidJob(option, f"{value!r} is no duration; write seconds or a timedelta")
    if not 0 <= number <= LONGEST_DELAY:  # also refuses NaN
        raise InvalidJob(option, f"{value!r} is out of range; write 0 seconds to 100 years")
    return float(number)


def _ms(option: str, value: object) -> int | None:
    return None if value is None else round(seconds_of(option, value) * 1000)


def timeout_ms(value: object) -> int | None:
    """Return a timeout in ms, at least 1.

    Raises:
        InvalidJob: It is no positive duration.
    """
    ms = _ms("timeout", value)
    if ms == 0:
        raise InvalidJob("timeout", "0 leaves no time to run; leave it out for no timeout")
    return ms


def _at(moment: object) -> int | None:
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise InvalidJob("run_at", f"{moment!r} is no datetime")
    if moment.utcoffset() is None:
        raise InvalidJob(
            "run_at", f"{moment} has no time zone; write datetime.now(UTC) or give it a tzinfo"
        )
    # Rounded up: a job must not start before the moment it was given. No float here: it
    # would put some moments a millisecond late.
    return -((EPOCH - moment) // MILLISECOND)


def retry_spec(value: Retry | int) -> RetrySpec:
    """Return the wire form of a job's own retry policy.

    Raises:
        InvalidJob: It is wrong, or holds code.
    """
    try:
        return Retry.of(value).to_spec()
    except ConfigurationError as error:
        raise InvalidJob("retry", str(error).removeprefix("retry: ")) from error
