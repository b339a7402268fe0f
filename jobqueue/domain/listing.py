"""What people say about the jobs that they want to see, and the page that they get. No I/O."""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

import msgspec

from jobqueue.domain import checks
from jobqueue.domain.errors import InvalidJob
from jobqueue.domain.ids import check_name, check_queue
from jobqueue.domain.jobs import State
from jobqueue.domain.suggest import shown
from jobqueue.domain.views import FoundJob

REACH = timedelta(days=7)
"""How far back a list looks by default where a filter could make it read the whole history."""

ENDED = frozenset(each for each in State if each.terminal)


class JobFilter(TypedDict, total=False):
    """Which jobs are meant: those that fit all that is given; None means any.

    ``queue`` and ``name`` of the job; ``state``, one or several; ``tag``, one of the job's;
    ``since`` and ``until``, aware datetimes (``until`` itself is not in it) between which a job
    ended, or was enqueued where it has not ended. Without ``since``, ``queue``, ``tag`` and
    ``state`` find jobs that ended within the last seven days, unless a ``name`` is given too.
    """

    queue: str | None
    state: State | str | Iterable[State | str] | None
    name: str | None
    tag: str | None
    since: datetime | None
    until: datetime | None


class Chosen(msgspec.Struct, frozen=True):
    """A filter that was checked."""

    queue: str | None = None
    states: frozenset[State] = frozenset(State)
    name: str | None = None
    tag: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def fits(self, name: str | None, tags: Iterable[str], moment: datetime | None) -> bool:
        """Return whether a job of this name and tags fits that was enqueued, or ended, then."""
        return (
            self.name in (None, name)
            and (self.tag is None or self.tag in tags)
            and (self.since is None or (moment is not None and moment >= self.since))
            and (self.until is None or (moment is not None and moment < self.until))
        )

    def reach(self, now: datetime) -> datetime | None:
        """Return how far back ended jobs are looked for; None for all that are kept.

        Rows of the history stand in the order of time, all together or of one name. What chooses
        among them otherwise could read all of them for a few, unless somebody says ``since``.
        """
        ordered = self.name is not None or (
            self.queue is None and self.tag is None and self.states >= ENDED
        )
        if ordered or self.since is not None or not self.states & ENDED:
            return self.since
        return (self.until or now) - REACH


class JobPage(msgspec.Struct, frozen=True):
    """Some jobs of a list.

    Attributes:
        jobs: The jobs: running ones first, then ready, blocked, scheduled and retrying ones in the
            order of their turn, then ended ones, the latest first.
        after: What to ask for the next page with; None at the end of the list.
        history_problem: Why the history could not be asked; the list ends before its jobs.
        redis_problem: Why Redis could not be asked; jobs that wait or run are not in the list.
        looked_back_to: At the end of a list: jobs that ended before this were not looked for,
            though nobody said ``since``; None where all were.
    """

    jobs: Sequence[FoundJob]
    after: str | None
    history_problem: str | None = None
    redis_problem: str | None = None
    looked_back_to: datetime | None = None


# The parts of a list, in their order; the states are those that a part may hold.
PARTS: tuple[tuple[str, frozenset[State]], ...] = (
    ("running", frozenset({State.RUNNING})),
    ("ready", frozenset({State.READY})),
    ("blocked", frozenset({State.BLOCKED})),
    ("scheduled", frozenset({State.SCHEDULED, State.RETRYING})),
    ("journal", ENDED),
    ("history", ENDED),
)

_Entry = Annotated[str, msgspec.Meta(pattern=r"^\d{1,19}-\d{1,19}$")]
_Number = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
# Places within each part; see ``broker/listing.py``. Whatever they hold goes into commands.
_PLACES: dict[str, tuple[Any, ...]] = {
    "running": (tuple[str],),
    "ready": (tuple[_Number, _Entry], tuple[_Number, float, _Number]),
    "blocked": (
        tuple[Literal["limit"], str, float, _Number],
        tuple[Literal["lock"], str, _Number],
    ),
    "scheduled": (tuple[float, _Number],),
    "journal": (tuple[_Entry, _Number],),
    "history": (tuple[_Moment, UUID],),
}


class Mark(msgspec.Struct, array_like=True, frozen=True):
    """How far somebody has got in a list: the part, the broker's queue, and the place in it."""

    part: int = 0
    queue: str = ""
    place: list[Any] = []


def write_mark(mark: Mark) -> str:
    """Return a mark as people copy it."""
    return base64.urlsafe_b64encode(msgspec.json.encode(mark)).decode().rstrip("=")


def read_mark(text: str | None) -> Mark:
    """Return a mark from what people copied; None is the beginning.

    Raises:
        InvalidJob: It is none.
    """
    if text is None:
        return Mark()
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        mark = msgspec.json.decode(raw, type=Mark)
    except (binascii.Error, ValueError):
        mark = Mark(-1)
    if not (0 <= mark.part < len(PARTS) and _is_place(mark)):
        raise InvalidJob("after", f"{shown(text)} is no end of a page of this list")
    return mark


def _is_place(mark: Mark) -> bool:
    if not mark.place:
        return True
    for shape in _PLACES[PARTS[mark.part][0]]:
        with suppress(msgspec.ValidationError):
            msgspec.convert(mark.place, shape)
            return True
    return False


def chosen(where: JobFilter) -> Chosen:
    """Return a filter, checked.

    Raises:
        ConfigurationError: It says something that no job has.
        InvalidJob: A value can't be right.
    """
    checks.named("jobs", where, JobFilter.__annotations__)
    given: dict[str, Any] = {option: value for option, value in where.items() if value is not None}
    for option, value in given.items():
        _CHECKS[option](option, value)
    if "state" in given:
        given["states"] = _states(given.pop("state"))
    return Chosen(**given)


def _states(value: State | str | Iterable[State | str]) -> frozenset[State]:
    several = [value] if isinstance(value, str) else value
    return frozenset(checks.choice("state", State, each) for each in several)


_CHECKS: dict[str, Callable[[str, object], object]] = {
    "queue": lambda _, value: check_queue(value),
    "state": lambda _, __: None,
    "name": lambda _, value: check_name(value),
    "tag": checks.text,
    "since": checks.moment,
    "until": checks.moment,
}
