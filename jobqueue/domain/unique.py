"""Unique jobs: of equal ones only one may be unfinished, or made within a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Literal

from jobqueue.domain.checks import checks_options, choice, seconds
from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.keyed import By, KeyOf


class Until(StrEnum):
    """When the key of a unique job is free again."""

    STARTED = "started"
    FINISHED = "finished"


class OnConflict(StrEnum):
    """What enqueueing does when the key is taken."""

    REJECT = "reject"
    RETURN = "return"
    REPLACE = "replace"


@dataclass(frozen=True, init=False)
class Unique:
    """Makes equal jobs of one name and queue unique.

    Args:
        by: Arguments that make jobs equal: names, or a function that gets the arguments
            by name and returns a key. None: all arguments.
        until: ``finished`` (the job has ended, for good), ``started`` (it has begun to
            run), or a time in seconds or as a ``timedelta`` from its enqueueing on,
            whatever becomes of the job.
        on_conflict: ``reject`` raises :class:`~jobqueue.DuplicateJob`; ``return`` gives
            the handle of the job that is there; ``replace`` cancels that one if it has not
            started (else it rejects).

    Raises:
        ConfigurationError: An option is unknown or of a wrong type.
    """

    until: Until | None
    ttl: float | None
    on_conflict: OnConflict
    key: KeyOf

    @checks_options("Unique")
    def __init__(
        self,
        by: By | None = None,
        *,
        until: Literal["started", "finished"] | Until | float | timedelta = Until.FINISHED,
        on_conflict: Literal["reject", "return", "replace"] | OnConflict = OnConflict.REJECT,
    ) -> None:
        timed = not isinstance(until, str)
        ttl = seconds("unique until", until) if timed else None
        if ttl is not None and ttl < MOMENT:
            raise ConfigurationError("unique until: 0 seconds would make nothing unique")
        values = {
            "key": KeyOf("unique by", by),
            "until": None if timed else choice("unique until", Until, until),
            "ttl": ttl,
            "on_conflict": choice("unique on_conflict", OnConflict, on_conflict),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def key_of(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Return the key of a job of this name; it belongs to the job's queue."""
        return f"{name}:{self.key.of(arguments)}"


MOMENT = 0.001  # seconds; Redis counts milliseconds
