"""The options of a job: what they are called, and how each is checked.

One rule: a refusal is an :class:`InvalidJob` that names the option and says what to write.
"""

from collections.abc import Iterable, Mapping
from datetime import MAXYEAR, datetime, timedelta
from typing import Any, Literal, TypedDict

from jobqueue.domain import codec, units
from jobqueue.domain.errors import ConfigurationError, InvalidJob
from jobqueue.domain.instants import EPOCH, MILLISECOND
from jobqueue.domain.jobs import Priority
from jobqueue.domain.retry import Retry, RetrySpec
from jobqueue.domain.suggest import did_you_mean, shown
from jobqueue.domain.unique import Unique

PriorityName = Literal["critical", "high", "normal", "low"]
Durability = Literal["replicated", "synced"]
DURABILITIES: tuple[Durability, ...] = ("replicated", "synced")
Seconds = float | timedelta

MOST_TAGS = 32
LONGEST_TAG = 100  # characters
MAX_METADATA = 16 * 1024  # bytes as JSON


class JobOptions(TypedDict, total=False):
    """Options of one job; each overrides the handler's. ``None`` means not given.

    Where and when: ``queue``, ``priority``; ``delay`` or ``run_at`` (an aware datetime; the
    past runs at once); ``expires`` (a time from now, or an aware datetime: a job that has
    not started by then never does).

    How: ``timeout`` of one attempt; ``deadline`` (a time from now, or an aware datetime:
    no attempt runs past it); ``retry`` (a number of retries or a ``Retry``; the handler's
    ``on`` and ``never`` go on to hold); ``result_ttl``.

    Keys, all of which belong to the job's queue: ``job_id`` of your own; ``unique``;
    ``idempotency_key``; ``lock`` (jobs with one lock key never overlap, whatever their
    names, and run in the order in which they became ready).

    For people: ``tags`` and ``metadata``, both in the history.

    ``durability``: with ``"replicated"`` enqueueing waits until replicas of Redis have the
    job, as many as the setting ``replicas`` says; with ``"synced"`` until it is in the
    append-only files on the disks of the master and of these.

    Durations are seconds or ``timedelta``.
    """

    queue: str | None
    priority: PriorityName | Priority | None
    retry: Retry | int | None
    timeout: Seconds | None
    deadline: Seconds | datetime | None
    delay: Seconds | None
    run_at: datetime | None
    expires: Seconds | datetime | None
    job_id: str | None
    unique: Unique | None
    idempotency_key: str | None
    lock: str | None
    result_ttl: Seconds | None
    tags: Iterable[str] | None
    metadata: Mapping[str, Any] | None
    durability: Durability | None


OPTIONS = frozenset(JobOptions.__annotations__)


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
        raise InvalidJob("priority", f"{shown(value)} is none; {did_you_mean(str(value), names)}")
    return Priority[value.upper()]


def seconds_of(option: str, value: object) -> float:
    """Return a duration in seconds.

    Raises:
        InvalidJob: It is none; see :func:`units.seconds`.
    """
    try:
        return units.seconds(value)
    except ValueError as error:
        raise InvalidJob(option, str(error)) from None


def ms_of(option: str, value: object) -> int | None:
    """Return a duration in ms; None stays None."""
    return None if value is None else round(seconds_of(option, value) * 1000)


def positive_ms(option: str, value: object) -> int | None:
    """Return a duration in ms, at least 1; None stays None.

    Raises:
        InvalidJob: It is no positive duration.
    """
    ms = ms_of(option, value)
    if ms == 0:
        raise InvalidJob(option, "0 leaves no time to run; leave it out for no limit")
    return ms


def moment_ms(option: str, moment: object) -> int | None:
    """Return an aware datetime in ms since the epoch; None stays None.

    Raises:
        InvalidJob: It is no datetime, has no time zone, or is so late that some zones can't say it.
    """
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise InvalidJob(option, f"{shown(moment)} is no datetime")
    if moment.year >= MAXYEAR:
        raise InvalidJob(option, f"{moment} is out of range; write a moment before {MAXYEAR}")
    if moment.utcoffset() is None:
        raise InvalidJob(
            option, f"{moment} has no time zone; write datetime.now(UTC) or give it a tzinfo"
        )
    # Rounded up: a job must not start before the moment it was given. No float here: it
    # would put some moments a millisecond late.
    return -((EPOCH - moment) // MILLISECOND)


def until_ms(option: str, value: object) -> tuple[int | None, int | None]:
    """Return a bound as a moment in ms since the epoch, or as ms from the enqueueing on.

    The second form is counted by the clock of Redis, so this host's may be wrong.
    """
    if isinstance(value, datetime):
        return moment_ms(option, value), None
    return None, positive_ms(option, value)


def retry_spec(value: Retry | int) -> RetrySpec:
    """Return the wire form of a job's own retry policy.

    Raises:
        InvalidJob: It is wrong, or holds code.
    """
    try:
        return Retry.of(value).to_spec()
    except ConfigurationError as error:
        raise InvalidJob("retry", str(error).removeprefix("retry: ")) from error


def check_tags(value: object) -> tuple[str, ...]:
    """Return tags, each once, in their order.

    Raises:
        InvalidJob: They are no strings, too many or too long.
    """
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InvalidJob("tags", f"{shown(value)} is no list of tags")
    tags = tuple(dict.fromkeys(value))
    if len(tags) > MOST_TAGS:
        raise InvalidJob("tags", f"{len(tags)} tags; at most {MOST_TAGS} are kept")
    for tag in tags:
        if not isinstance(tag, str) or not 0 < len(tag) <= LONGEST_TAG or not tag.isprintable():
            raise InvalidJob("tags", f"{shown(tag)}: write 1 to {LONGEST_TAG} printable characters")
    return tags


def check_metadata(value: object) -> bytes:
    """Return metadata as a JSON object.

    Raises:
        InvalidJob: It is no mapping with text keys, has no form in JSON, or is too large.
    """
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise InvalidJob("metadata", f"{shown(value)} is no mapping from text to values")
    try:
        raw = codec.encode(dict(value))
    except Exception as error:
        raise InvalidJob("metadata", str(error)) from error
    if len(raw) > MAX_METADATA:
        raise InvalidJob("metadata", f"{len(raw)} bytes as JSON, above {MAX_METADATA}")
    return raw


def check_durability(value: object) -> Durability:
    """Return the word that says what enqueueing waits for.

    Raises:
        InvalidJob: It is unknown.
    """
    for durability in DURABILITIES:
        if value == durability:
            return durability
    known = " or ".join(map(repr, DURABILITIES))
    raise InvalidJob("durability", f"{shown(value)} is none; write {known}")


def check_unique(value: object) -> Unique:
    """Return a rule of uniqueness.

    Raises:
        InvalidJob: It is none.
    """
    if not isinstance(value, Unique):
        raise InvalidJob("unique", f"{shown(value)} is no rule; write Unique() or Unique(by=...)")
    return value
