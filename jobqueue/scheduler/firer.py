"""Enqueues the occurrences of schedules, each once, whoever tries.

The watermark in Redis (the last occurrence fired) only moves forward, in the
script that enqueues; a second scheduler is told "already". Of several occurrences
that were missed while no scheduler ran, the last one fires.

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
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from jobqueue.broker.calls import Calls
from jobqueue.broker.lanes import Lane
from jobqueue.broker.messages import NewJob
from jobqueue.broker.splits import Splits
from jobqueue.domain.backoff import Pause
from jobqueue.domain.errors import BrokerError, BrokerUnavailable, severity
from jobqueue.domain.schedules import Schedule
from jobqueue.scheduler.scheduled import Scheduled

log = logging.getLogger("jobqueue.scheduler")

LONGEST = 1.0  # seconds of sleep, so that a step of the clock costs no more
DEAF = 30.0  # seconds without asking a node for the split of a queue that did not answer
_EPOCH = datetime.fromtimestamp(0, UTC)
_WINDOWS = [timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=60)]


def latest(rule: Schedule, after: datetime, until: datetime) -> datetime | None:
    """Return the last occurrence in (after, until], or None if there is none."""
    for window in _WINDOWS:
        # Backwards in growing steps: a rule that fires each second must not be
        # walked through for all the days that no scheduler ran.
        start = max(after, until - window)
        found = _last(rule, start, until)
        if found is not None or start == after:
            return found
    return _last(rule, after, until)


def _last(rule: Schedule, after: datetime, until: datetime) -> datetime | None:
    found = None
    while (following := rule.next_after(found or after)) is not None and following <= until:
        found = following
    return found


class Firer:
    """Fires the schedules of an app.

    Args:
        lane: Used by nobody else.
        calls: Makes the calls.
        splits: Says where the jobs of a queue go.
        schedules: What to fire.
    """

    def __init__(
        self, lane: Lane, calls: Calls, splits: Splits, schedules: Sequence[Scheduled]
    ) -> None:
        self._lane = lane
        self._calls = calls
        self._splits = splits
        self._schedules = schedules
        self._fired: dict[str, datetime] = {}
        self._places: dict[str, str] = {}  # where that is noted
        self._deaf_until = 0.0  # by the loop's clock
        self.problem: str | None = None

    async def run(self) -> None:
        """Fire until cancelled."""
        if not self._schedules:
            return
        pause = Pause()
        while True:
            try:
                wait = await self.look()
                pause.reset()
                self.problem = None
            except (BrokerUnavailable, BrokerError) as error:
                self.problem = str(error)
                self._fired.clear()
                log.log(severity(error), "firing failed", extra={"error": str(error)})
                wait = pause.take()
            await asyncio.sleep(min(LONGEST, wait))

    async def look(self) -> float:
        """Fire what is due; return the seconds until something else is."""
        if not self._schedules:
            return LONGEST
        now = await self._now()
        wait = LONGEST
        for each in self._schedules:
            after = self._fired.get(each.name) or await self._watermark(each, now)
            due = latest(each.rule, after, now)
            if due is not None and await self._watermark(each, after) < due:
                await self._fire(each, due)
            following = each.rule.next_after(max(now, self._fired[each.name]))
            if following is not None:
                wait = min(wait, (following - now).total_seconds())
        return max(0.0, wait)

    async def _now(self) -> datetime:
        """Return the time of Redis; on a cluster, of the node that has the (only) schedule."""
        keys, place = self._calls.keys, self._places.get(self._schedules[0].name)
        key = keys.queues if place is None else keys.fired(place)
        time, _ = await self._lane.commands([("TIME",), ("EXISTS", key)])
        return _EPOCH + timedelta(microseconds=self._calls.now_us(time))

    async def _watermark(self, each: Scheduled, begin: datetime) -> datetime:
        """Return the last occurrence fired, by whoever, in the place where jobs go now.

        A schedule that is new to the place goes on where it was while the queue was whole,
        else from ``begin``: of a new one, the present and never the past.
        """
        await self._ask(each)
        place = each.place(self._splits.of(each.queue))
        if place == self._places.get(each.name) and each.name in self._fired:
            return self._fired[each.name]
        before = await self._move(each) if place != each.queue else None
        key = self._calls.keys.fired(place)
        await self._lane.command("HSETNX", key, each.name, before or _ms(begin))
        stored = await self._noted(each, place) or _ms(begin)
        self._places[each.name] = place
        self._fired[each.name] = datetime.fromtimestamp(stored / 1000, UTC)
        return self._fired[each.name]

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

    async def _fire(self, each: Scheduled, due: datetime) -> None:
        stamp = due.isoformat(timespec="milliseconds").replace("+00:00", "Z").replace(".000Z", "Z")
        job = NewJob(f"{each.name}@{stamp}", int(each.priority), None, None, each.job, each.asks)
        call = self._calls.fire(self._places[each.name], each.name, _ms(due), job, each.spec)
        answer = await self._lane.call(call)
        if answer == "fired":
            log.info("schedule fired", extra={"schedule": each.name, "job_id": job.id})
        if answer == "skipped":
            log.warning("schedule skipped: its unique key is taken", extra={"schedule": each.name})
        if answer == "moved":
            await self._follow(each, due)
        elif answer != "early":  # else Redis' clock was set back meanwhile
            self._fired[each.name] = due

    async def _follow(self, each: Scheduled, due: datetime) -> None:
        """Fire where the schedule has moved to, unless who moved it has done so."""
        self._deaf_until = 0.0
        fired = await self._watermark(each, due)
        if self._places[each.name] == each.queue:
            raise BrokerError(
                f"schedule {each.name!r} fires in a partition of queue {each.queue!r}, and Redis "
                "has forgotten how many there are: start a service whose code declares them"
            )
        if fired < due:
            await self._fire(each, due)


def _ms(moment: datetime) -> int:
    """Return whole ms since the epoch: never later than the moment, or Redis calls it early."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)
