"""Binds stored jobs to the code of an app: which of them it could not run.

A job that does not fit fails with its first attempt, and no retry helps. So whoever deploys
asks before: is there a handler of this name, and do these arguments fit its parameters?
"""

from collections import Counter
from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from jobqueue.domain.arguments import ArgumentsMismatch
from jobqueue.domain.handlers import Handler
from jobqueue.domain.jobs import unpack_spec
from jobqueue.domain.redaction import scrub
from jobqueue.domain.suggest import nearest, shown

EXAMPLES = 3  # jobs that are shown of each kind of misfit
LONGEST = 300  # characters of a problem


# Where a stored job is. One that waits may be ready or blocked, or with a worker that may
# hand it back; one that is scheduled may be a retry.
Place = Literal["waiting", "scheduled", "dead"]
PLACES: tuple[Place, ...] = get_args(Place)

# Why a job does not fit.
Kind = Literal["unknown_name", "arguments", "unreadable"]


class StoredJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it is stored; ``spec`` is packed."""

    id: str
    queue: str
    name: str
    place: Place
    spec: bytes


class MisfitExample(msgspec.Struct, frozen=True, kw_only=True):
    """One job that does not fit, and why; a dead one's ``id`` is that of its job too."""

    id: str
    queue: str
    place: Place
    problem: str


class Misfit(msgspec.Struct, frozen=True, kw_only=True):
    """The jobs of one name that do not fit for one kind of reason.

    Args:
        name: Of the jobs.
        kind: Why they do not fit.
        jobs: How many, by place.
        examples: The first few of them.
        did_you_mean: The declared name that looks like an unknown one.
    """

    name: str
    kind: Kind
    jobs: Mapping[Place, int]
    examples: tuple[MisfitExample, ...]
    did_you_mean: str | None = None


class LiveCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What became of binding all stored jobs.

    Args:
        examined: How many jobs, by place.
        misfits: Those that do not fit, by name and kind.
        not_examined: Why dead jobs were not looked at; ``None`` if they were.
    """

    examined: Mapping[Place, int]
    misfits: tuple[Misfit, ...]
    not_examined: str | None = None

    @property
    def ok(self) -> bool:
        """Whether every job that was looked at fits."""
        return not self.misfits


class Binder:
    """Binds one job after the other, and keeps no more than counts and a few examples.

    Args:
        handlers: The handlers of the app by name.
    """

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers
        self._examined: Counter[Place] = Counter()
        self._jobs: dict[tuple[str, Kind], Counter[Place]] = {}
        self._examples: dict[tuple[str, Kind], list[MisfitExample]] = {}

    def add(self, job: StoredJob) -> None:
        """Look whether a job fits."""
        self._examined[job.place] += 1
        if (found := self._misfit(job)) is None:
            return
        kind, problem = found
        key = (job.name, kind)
        self._jobs.setdefault(key, Counter())[job.place] += 1
        examples = self._examples.setdefault(key, [])
        if len(examples) < EXAMPLES:
            text = problem if len(problem) <= LONGEST else f"{problem[:LONGEST]}…"
            examples.append(
                MisfitExample(id=job.id, queue=job.queue, place=job.place, problem=text)
            )

    def _misfit(self, job: StoredJob) -> tuple[Kind, str] | None:
        handler = self._handlers.get(job.name)
        if handler is None:
            return "unknown_name", f"the app declares no job {shown(job.name)}"
        try:
            spec = unpack_spec(job.spec)
        except msgspec.MsgspecError as error:
            return "unreadable", str(error)
        try:
            handler.parameters.decode(spec.arguments)
        except ArgumentsMismatch as error:
            # A model's own message may quote what nobody may see.
            hidden = (*handler.redact, *spec.redact)
            return "arguments", scrub(str(error), spec.arguments, hidden) if hidden else str(error)
        return None

    def result(self, not_examined: str | None = None) -> LiveCheck:
        """Return what was found so far, the names with the most jobs first.

        Args:
            not_examined: Why dead jobs were not looked at.
        """
        order = sorted(self._jobs, key=lambda key: (-self._jobs[key].total(), key))
        return LiveCheck(
            examined={place: self._examined[place] for place in PLACES},
            misfits=tuple(self._of(*key) for key in order),
            not_examined=not_examined,
        )

    def _of(self, name: str, kind: Kind) -> Misfit:
        return Misfit(
            name=name,
            kind=kind,
            jobs=dict(self._jobs[name, kind]),
            examples=tuple(self._examples[name, kind]),
            did_you_mean=nearest(name, self._handlers) if kind == "unknown_name" else None,
        )
