"""Which schedules there are now: those of the code, and those that are stored.

Of two with one name the one in code counts; what is stored with it says whether it is paused.
A scheduler that starts asks for that first: it must not fire what was paused before it began.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime

from msgspec.structs import replace

from jobqueue.domain.errors import ConfigurationError
from jobqueue.domain.plans import Plan
from jobqueue.scheduler.scheduled import Scheduled

START = 5.0  # seconds that a firer waits at most for what is stored, when it starts

log = logging.getLogger("jobqueue.scheduler")

Seed = Callable[[str], Awaitable[datetime | None]]


async def _unknown(_: str) -> datetime | None:
    return None


class Timetable:
    """The schedules that a scheduler fires; it changes while it does.

    Args:
        declared: Those of the code.

    Attributes:
        fixed: Whether nobody stores schedules, so that it never changes.
        known: Set when it was told what is stored, or that nobody knows.
        seed: Returns the last occurrence of a schedule that the history knows, for one of which
            Redis knows none; raises ``HistoryUnavailable`` soon where PostgreSQL does not answer.
        settled: Where something was settled that PostgreSQL does not have yet.
    """

    def __init__(self, declared: Iterable[Scheduled]) -> None:
        self._declared = {each.name: each for each in declared}
        self._current = dict(self._declared)
        self._stored: Sequence[Plan] | None = None
        self._changed = asyncio.Event()
        self.fixed = True
        self.known = asyncio.Event()
        self.seed: Seed = _unknown
        self.settled: set[str] = set()

    async def ready(self) -> None:
        """Wait until it is known what is stored; for some seconds at most."""
        if not self.fixed:
            await _happens(self.known, START)

    def names(self) -> list[str]:
        """Return the names of all schedules."""
        return list(self._current)

    def named(self, name: str | None) -> list[Scheduled]:
        """Return the schedule of a name, if there is one; all for None."""
        if name is None:
            return list(self._current.values())
        return [self._current[name]] if name in self._current else []

    def take(self, stored: Sequence[Plan]) -> None:
        """Go by these stored schedules from now on."""
        if stored != self._stored:
            self._stored = stored
            self._change(stored)
        self.known.set()

    def _change(self, stored: Sequence[Plan]) -> None:
        found = {each.name: made for each in stored if (made := _made(each)) is not None}
        rows = {plan.name: plan for plan in stored}
        added = {plan.name for plan in stored if not plan.declared}
        for name in sorted(added & self._declared.keys()):
            log.warning("the code's schedule is used, not the stored one", extra={"schedule": name})
        # What other code declares is its schedulers' to fire.
        current = {name: found[name] for name in found if name in added}
        for name, own in self._declared.items():
            # Also of a row that can't be read: a pause is an operator's word.
            row = rows.get(name)
            current[name] = own if row is None else _as_stored(own, row)
        self._current = current
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self, seconds: float) -> None:
        """Wait for a change, or for so many seconds."""
        await _happens(self._changed, seconds)


async def _happens(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _as_stored(own: Scheduled, row: Plan) -> Scheduled:
    return replace(own, paused=row.paused, since=row.since)


def _made(stored: Plan) -> Scheduled | None:
    try:
        return Scheduled.of(stored)
    except (ConfigurationError, ValueError, OverflowError) as error:
        # A newer version's, or a zone that this host does not know: all others go on.
        extra = {"schedule": stored.name, "error": str(error)}
        log.error("stored schedule can't be read", extra=extra)  # noqa: TRY400 - its text says it all
        return None
