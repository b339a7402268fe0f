"""What people say about dead letters and what they hear.

Which ones are meant, how carefully they go back, what became of them. No I/O.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypedDict

import msgspec

from jobqueue.domain import checks
from jobqueue.domain.checks import checks_options, named, seconds
from jobqueue.domain.errors import ConfigurationError, DeadLetterNotFound
from jobqueue.domain.fingerprints import LENGTH
from jobqueue.domain.ids import check_name, check_queue
from jobqueue.domain.suggest import shown
from jobqueue.domain.views import Retried
from jobqueue.domain.wording import moment

Report = Callable[[Sequence[Retried]], None]

_FINGERPRINT = re.compile(f"[0-9a-f]{{{LENGTH}}}")


class LetterFilter(TypedDict, total=False):
    """Which dead letters are meant: those that fit all that is given; None means any.

    ``queue`` and ``name`` of the job; ``error``, a fingerprint or the qualified name of an
    exception; ``tag``, one of the job's; ``since`` and ``until``, aware datetimes between
    which the job died (``until`` itself is not in it).
    """

    queue: str | None
    name: str | None
    error: str | None
    tag: str | None
    since: datetime | None
    until: datetime | None


class Which(msgspec.Struct, frozen=True):
    """A filter that was checked."""

    queue: str | None = None
    name: str | None = None
    error: str | None = None
    tag: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def by_fingerprint(self) -> bool:
        """Whether ``error`` is a fingerprint, not the name of an exception."""
        return self.error is not None and _FINGERPRINT.fullmatch(self.error) is not None

    def given(self) -> dict[str, Any]:
        """Return what is not None, for the operator log."""
        return {
            key: value.isoformat() if isinstance(value, datetime) else value
            for key, value in msgspec.structs.asdict(self).items()
            if value is not None
        }


def which(where: LetterFilter) -> Which:
    """Return a filter, checked.

    Raises:
        ConfigurationError: It says something that no letter has.
        InvalidJob: A value can't be right.
    """
    named("dead letters", where, LetterFilter.__annotations__)
    for option, value in where.items():
        if value is not None:
            _CHECKS[option](option, value)
    return Which(**where)


_CHECKS: dict[str, Callable[[str, object], object]] = {
    "queue": lambda _, value: check_queue(value),
    "name": lambda _, value: check_name(value),
    "error": checks.text,
    "tag": checks.text,
    "since": checks.moment,
    "until": checks.moment,
}


class LetterGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Open dead letters of one error.

    ``fingerprint`` is None for letters that an older version wrote. ``example`` is the newest
    message, ``letter`` the execution id of its letter. ``first`` and ``last`` say when the first
    and the last of their jobs died.
    """

    fingerprint: str | None
    error_type: str | None
    count: int
    names: list[str]
    queues: list[str]
    first: datetime
    last: datetime
    letter: str
    example: str | None


class Deleted(msgspec.Struct, frozen=True):
    """What became of one dead letter that was to be deleted.

    Attributes:
        id: The id that the caller gave.
        job_id: The job's id; the given id when there is no such letter.
        queue: Its queue; None when there is no such letter.
        error: Why it was not deleted; None when it was.
    """

    id: str
    job_id: str
    queue: str | None
    error: DeadLetterNotFound | None


class Deletion(msgspec.Struct, frozen=True):
    """When the dead letter of a job was deleted, and by whom and why, as far as that is known."""

    at: datetime
    operator: str | None = None
    reason: str | None = None

    @property
    def text(self) -> str:
        """What to tell of the letter."""
        who = f" by {self.operator}" if self.operator else ""
        why = f" ({self.reason})" if self.reason else ""
        return f"its dead letter was deleted at {moment(self.at)}{who}{why} and can't be put back"


@dataclass(frozen=True, init=False)
class Canary:
    """Some dead letters that go back before the others, which follow only if these do well.

    A job does badly when its first attempt fails, or when it ends otherwise than in success:
    nobody has to wait for its retries. What a worker hands back or loses is tried again and
    counts when it has come to something.

    Args:
        n: How many go first, the oldest.
        stop_if_failing: Share of them, above 0 and at most 1; so many failures stop the rest.
        timeout: How long to wait for them, in seconds or as a ``timedelta``; those that
            have come to nothing by then count as failing.

    Raises:
        ConfigurationError: An argument is out of range.
    """

    n: int
    stop_if_failing: float
    timeout: float

    @checks_options("Canary")
    def __init__(
        self, n: int, stop_if_failing: float = 0.1, timeout: float | timedelta = 600.0
    ) -> None:
        object.__setattr__(self, "n", _number(n))
        object.__setattr__(self, "stop_if_failing", _share(stop_if_failing))
        object.__setattr__(self, "timeout", seconds("canary timeout", timeout))

    def stops(self, failing: int, of: int) -> bool:
        """Return whether so many failures of so many jobs are too many."""
        return 0 < failing >= self.stop_if_failing * of


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"canary: {shown(value)}; write a whole number from 1 on")
    return value


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise ConfigurationError(
            f"stop_if_failing: {shown(value)}; write a share above 0 and at most 1, such as 0.1"
        )
    return float(value)


class CanaryOutcome(msgspec.Struct, frozen=True):
    """What the jobs of a canary came to.

    Attributes:
        tried: How many went back first.
        failing: How many did badly, those without an outcome included.
        unfinished: How many of these had come to nothing when the time was over.
        stopped: Whether the others stayed where they were.
    """

    tried: int
    failing: int
    unfinished: int
    stopped: bool


class Redrive(msgspec.Struct, frozen=True):
    """What became of many dead letters that were to run again.

    Attributes:
        put_back: How many are back on their queues.
        problems: Those that are not, each with its ``error``.
        canary: What the first ones came to; None without a canary.
    """

    put_back: int
    problems: tuple[Retried, ...]
    canary: CanaryOutcome | None = None


def redriven(answers: Iterable[Retried], canary: CanaryOutcome | None) -> Redrive:
    """Return the sum of what became of many letters."""
    found = list(answers)
    problems = tuple(each for each in found if each.error is not None)
    return Redrive(len(found) - len(problems), problems, canary)
