"""Enqueues the occurrences of schedules, each once, whoever tries.

The watermark in Redis (the last occurrence that was settled) only moves forward, in the
script that enqueues or skips and writes down which; a second scheduler is told "already". What
becomes of occurrences that were missed while no scheduler ran is the schedule's to say.

PostgreSQL is never waited for, but for some seconds at the start, to know what is paused, and for
two where Redis knows nothing of a schedule whose last occurrence the history may know. One that the
history does not know either goes on from when it was added: nobody may have run since.

A schedule that can't be fired keeps no other from it: it is told of, and tried again.

A queue may be split at any time, by newer code: then a schedule fires into one of the
partitions. Whoever is first there notes in the queue itself that the schedule has moved, and
only then takes its watermark along: behind that note nothing fires in the queue any more, so no
occurrence fires in both places. (The set of queues can't say it: on a cluster it is on another
node than the queue, out of the script's reach.) A scheduler that did not know is told ``moved``,
and asks where to.

On a cluster each schedule has a firer of its own, so that a node that is away keeps none but
those of its own queues from firing. Only of a place that is known the firer asks in vain: while
the node with the set of queues is away, it goes on with what it knows.
"""

import asyncio
import logging
from collections import defaultdict
from datetime import datetime
from typing import NamedTuple

from jobqueue.broker.calls import Calls
from jobqueue.broker.lanes import Lane
from jobqueue.broker.ledger import firing
from jobqueue.broker.messages import NewJob
from jobqueue.broker.splits import Splits
from jobqueue.domain.backoff import Pause
from jobqueue.domain.errors import (
    BrokerError,
    BrokerUnavailable,
    ConfigurationError,
    HistoryUnavailable,
    severity,
)
from jobqueue.domain.instants import from_ms, from_us, milliseconds
from jobqueue.domain.occurrences import Step, job_id
from jobqueue.domain.partitions import shown_as
from jobqueue.scheduler.scheduled import Scheduled
from jobqueue.scheduler.timetable import Timetable

log = logging.getLogger("jobqueue.scheduler")

LONGEST = 1.0  # seconds of sleep, so that a step of the clock costs no more
DEAF = 30.0  # seconds without asking a node for the split of a queue that did not answer

# What is the matter with one schedule; where Redis is away, it is with all of them.
_ITS_OWN = (BrokerError, ConfigurationError, ValueError, OverflowError)


class _Next(NamedTuple):
    """When a schedule is due next, after what was settled last."""

    of: Scheduled
    after: datetime
    due: datetime | None


def _told(problems: dict[str, str]) -> str | None:
    names: defaultdict[str, list[str]] = defaultdict(list)
    for name, why in problems.items():
        names[why].append(name)
    found = (f"schedule {shown_as(those)}: {why}" for why, those in names.items())
    return "; ".join(found) or None


class Firer:
    """Fires the schedules of an app.

    Args:
        lane: Used by nobody else.
        calls: Makes the calls.
        splits: Says where the jobs of a queue go.
        timetable: What to fire.
        only: The name of the only schedule to fire; None for all.
    """

    def __init__(
        self,
        lane: Lane,
        calls: Calls,
        splits: Splits,
        timetable: Timetable,
        only: str | None = None,
    ) -> None:
        self._lane = lane
        self._calls = calls
        self._splits = splits
        self._timetable = timetable
        self._only = only
        self._fired: dict[str, datetime] = {}
        self._places: dict[str, str] = {}  # where that is noted
        self._next: dict[str, _Next] = {}
        self._problems: dict[str, str] = {}  # of single schedules
        self._deaf_until = 0.0  # by the loop's clock
        self.problem: str | None = None

    async def run(self) -> None:
        """Fire until cancelled, or until there is nothing that it could ever fire again."""
        pause = Pause()
        await self._timetable.ready()
        lasting = not self._timetable.fixed and self._only is None
        while lasting or self._schedules:
            try:
                wait = await self.look()
                pause.reset()
            except (BrokerUnavailable, BrokerError) as error:
                self.problem = str(error)
                self._fired.clear()
                log.log(severity(error), "firing failed", extra={"error": str(error)})
                wait = pause.take()
            await self._timetable.change(min(LONGEST, wait))

    @property
    def _schedules(self) -> list[Scheduled]:
        return self._timetable.named(self._only)

    async def look(self) -> float:
        """Settle what is due; return the seconds until something else is.

        ``problem`` says afterwards which schedules can't be fired.
        """
        schedules = self._schedules
        self._forget(schedules)
        now = await self._now(schedules[0]) if schedules else from_ms(0)
        wait, problems = LONGEST, dict[str, str]()
        for each in schedules:
            try:
                wait = min(wait, await self._one(each, now))
            except _ITS_OWN as error:
                self._fired.pop(each.name, None)  # what it has fired is Redis' to say
                problems[each.name] = str(error)
                self._say(each, str(error))
        self._problems = problems
        self.problem = _told(problems)
        return wait

    def _forget(self, schedules: list[Scheduled]) -> None:
        for name in self._places.keys() - {each.name for each in schedules}:
            for known in (self._fired, self._places, self._next):
                known.pop(name, None)

    def _say(self, each: Scheduled, problem: str) -> None:
        if self._problems.get(each.name) != problem:
            extra = {"schedule": each.name, "error": problem}
            log.error("schedule can't be fired", extra=extra)

    async def _one(self, each: Scheduled, now: datetime) -> float:
        """Settle what is due of a schedule; return the seconds until something else is."""
        if each.name not in self._fired:
            await self._watermark(each, now)
        due = await self._due(each)
        if due is None or due > now:
            return LONGEST if due is None else (due - now).total_seconds()
        for step in await self._steps(each, now):
            if await self._watermark(each, now) < step.occurrence:
                await self._settle(each, step)
        due = await self._due(each)
        # One that is due was "early": Redis' clock was set back meanwhile.
        return LONGEST if due is None or due <= now else (due - now).total_seconds()

    async def _due(self, each: Scheduled) -> datetime | None:
        """Return when a schedule is due next; None for never again."""
        fired, known = self._fired[each.name], self._next.get(each.name)
        if known is None or known.of is not each or known.after != fired:
            # A rule takes up to half a millisecond, and there may be a thousand of them.
            await asyncio.sleep(0)
            known = self._next[each.name] = _Next(each, fired, each.due_after(fired))
        return known.due

    async def _steps(self, each: Scheduled, now: datetime) -> list[Step]:
        after = self._fired[each.name]
        steps = each.steps(after, now)
        if len(steps) > 1 or any(step.others or step.skip for step in steps):
            # What seems to be missed may have fired while only this process stood still.
            stored = await self._noted(each, self._places[each.name])
            after = max(after, from_ms(stored))
            steps = each.steps(after, now)
        return steps

    async def _now(self, first: Scheduled) -> datetime:
        """Return the time of Redis; on a cluster, of the node that has the (only) schedule."""
        keys, place = self._calls.keys, self._places.get(first.name)
        key = keys.queues if place is None else keys.fired(place)
        time, _ = await self._lane.commands([("TIME",), ("EXISTS", key)])
        return from_us(self._calls.now_us(time))

    async def _watermark(self, each: Scheduled, begin: datetime) -> datetime:
        """Return the last occurrence fired, by whoever, in the place where jobs go now.

        A schedule that is new to the place goes on where it was while the queue was whole.
        """
        await self._ask(each)
        place = each.place(self._splits.of(each.queue))
        if place == self._places.get(each.name) and each.name in self._fired:
            return self._fired[each.name]
        before = await self._move(each) if place != each.queue else None
        stored = await self._noted(each, place)
        if not stored:
            first = before or milliseconds(await self._first(each, begin))
            await self._lane.command("HSETNX", self._calls.keys.fired(place), each.name, first)
            stored = await self._noted(each, place) or first
        self._places[each.name] = place
        self._fired[each.name] = from_ms(stored)
        return self._fired[each.name]

    async def _first(self, each: Scheduled, begin: datetime) -> datetime:
        """Return from where a schedule goes on of which its place knows nothing.

        That is the last occurrence that anybody knows of, else when it was added; ``begin``, the
        present, for one in code and for one that may have fired since, which nobody can say.
        """
        here = self._fired.get(each.name)  # in another place
        try:
            known = await self._timetable.seed(each.name)
        except HistoryUnavailable:
            return here or begin
        return max(filter(None, (here, known)), default=each.since or begin)

    async def _ask(self, each: Scheduled) -> None:
        """Ask where the jobs of a schedule go."""
        clock = asyncio.get_running_loop().time
        known = each.name in self._places
        if known and clock() < self._deaf_until:
            return
        try:
            self._splits.note(each.queue, await self._lane.call(self._splits.ask(each.queue)))
        except BrokerUnavailable:
            if not (known and self._lane.apart):
                raise
            self._deaf_until = clock() + DEAF

    async def _move(self, each: Scheduled) -> int:
        """Let nobody fire a schedule in the queue itself any more; return what was fired there."""
        await self._lane.command("SADD", self._calls.keys.moved(each.queue), each.name)
        return await self._noted(each, each.queue)

    async def _noted(self, each: Scheduled, place: str) -> int:
        """Return what a place's watermark is, ms since the epoch; 0 for none."""
        return int(await self._lane.command("HGET", self._calls.keys.fired(place), each.name) or 0)

    async def _settle(self, each: Scheduled, step: Step) -> None:
        id_ = job_id(each.name, step.occurrence)
        job = NewJob(id_, int(each.priority), None, None, each.job, each.asks)
        what, place = firing(step, each.policy.overlap), self._places[each.name]
        answer = await self._lane.call(self._calls.fire(place, each.name, what, job, each.spec))
        self._note(each, step, answer, job.id)
        if answer == "moved":
            await self._follow(each, step)
        elif answer != "early":  # else Redis' clock was set back meanwhile
            self._timetable.settled.add(place)
            self._fired[each.name] = step.occurrence

    @staticmethod
    def _note(each: Scheduled, step: Step, answer: str, job_id: str) -> None:
        extra = {"schedule": each.name, "job_id": job_id}
        if answer == "fired":
            log.info("schedule fired", extra=extra)
        if answer == "skipped" and not step.skip:
            log.warning("schedule skipped: its last job runs, or its key is taken", extra=extra)
        if step.others or step.skip:
            skipped = len(step.others) + bool(step.skip)
            why = step.skip or step.why
            log.info("occurrences skipped", extra={"schedule": each.name, "n": skipped, "why": why})

    async def _follow(self, each: Scheduled, step: Step) -> None:
        """Fire where the schedule has moved to, unless who moved it has done so."""
        self._deaf_until = 0.0
        fired = await self._watermark(each, step.occurrence)
        if self._places[each.name] == each.queue:
            raise BrokerError(
                f"schedule {each.name!r} fires in a partition of queue {each.queue!r}, and Redis "
                "has forgotten how many there are: start a service whose code declares them"
            )
        if fired < step.occurrence:
            await self._settle(each, step)
