"""What a fault is, and the list of all."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Literal, TypeVar

from scripts.faults.stage import Stage

Doubles = Literal["nothing", "unbegun", "all"]
Lane = Literal["servers", "history", "processes"]
Recovery = Literal["held", "jobs", "rows", "records", "producer"]


class NotPossibleError(Exception):
    """A fault can't be injected on this machine; the message says why."""


@dataclass
class Injection:
    """One time that a fault was injected; times are seconds since the epoch, Redis clock.

    Attributes:
        target: The service that it hit; empty when it hit a server or lines.
        pids: Processes that it hit.
        ended: When it was over.
        recovered: When things went on, where only the injector could see that.
        idle: Whether the worker that it hit had no job in hand, which proves little.
    """

    fault: str
    began: float
    target: str = ""
    pids: list[int] = field(default_factory=list)
    ended: float = 0.0
    recovered: float | None = None
    idle: bool = False


Inject = Callable[[Stage, Random, Injection], None]
F = TypeVar("F", bound=Inject)


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    Args:
        name: For the command line.
        text: One line for people.
        inject: Does it and undoes it; blocks as long as it lasts.
        lane: Faults of one lane never overlap, those of different lanes do.
        doubles: What may be taken from workers: from the processes that it hits ``all``; from any,
            where answers are lost, what is ``unbegun``. What a fetch handed out whose
            answer was lost has no lease but the fetch's own until the worker has asked what
            it owns; when that takes too long, nobody has begun what is taken back.
        recovery: What to wait for: all jobs that a process had in hand run again (``held``),
            a job ends, a row arrives, records in hand arrive, the producer is told of a job.
    """

    name: str
    text: str
    inject: Inject
    lane: Lane
    doubles: Doubles
    recovery: Recovery


FAULTS: dict[str, Fault] = {}


def fault(
    name: str, text: str, *, lane: Lane, doubles: Doubles = "nothing", recovery: Recovery = "jobs"
) -> Callable[[F], F]:
    """Register a function as a fault."""

    def register(inject: F) -> F:
        FAULTS[name] = Fault(name, text, inject, lane, doubles, recovery)
        return inject

    return register
