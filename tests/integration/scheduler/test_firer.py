"""One look of a firer: each schedule by itself, and no more work than is due."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobqueue import HistoryUnavailable, Priority
from jobqueue.broker.lanes import Lane
from jobqueue.broker.servers import Server
from jobqueue.broker.splits import Splits
from jobqueue.domain.instants import from_ms
from jobqueue.domain.plans import Plan
from jobqueue.domain.schedules import Every, Once, Schedule
from jobqueue.domain.timing import Timing
from jobqueue.scheduler.firer import Firer
from jobqueue.scheduler.scheduled import Scheduled
from jobqueue.scheduler.timetable import Timetable
from jobqueue.testing.timed import TimedCalls
from tests.support.broker import SPEC, Broker, connect
from tests.support.waiting import DEADLINE, wait_until

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def every_hour(name: str, **what: Any) -> Scheduled:
    """Return a schedule that is due at each full hour, unless something else is said."""
    given: dict[str, Any] = {"rule": Every(3600), "queue": "default"} | what
    return Scheduled(name=name, priority=Priority.NORMAL, job="tick", spec=SPEC, key=name, **given)


@dataclass
class Place:
    """The queue ``default`` at noon, and a firer that knows what a test says."""

    broker: Broker
    lane: Lane
    calls: TimedCalls
    splits: Splits
    timetable: Timetable = field(default_factory=lambda: Timetable([]))

    def firer(self, *schedules: Scheduled, only: str | None = None) -> Firer:
        """Return a firer of these schedules."""
        self.timetable = Timetable(schedules)
        return Firer(self.lane, self.calls, self.splits, self.timetable, only)

    async def watermark(self, name: str) -> datetime:
        """Return the last occurrence that was settled."""
        fired = self.broker.keys.fired("default")
        return from_ms(int(await self.broker.redis("HGET", fired, name) or 0))

    def later(self, step: timedelta) -> None:
        """Let time go by."""
        assert self.calls.time_us is not None
        self.calls.time_us += step // timedelta(microseconds=1)


@pytest.fixture
async def place(redis_url: str) -> AsyncIterator[Place]:
    """It is noon; the code declares eight partitions of the queue ``split``."""
    async with connect(redis_url) as broker:
        calls = TimedCalls(broker.keys)
        calls.time_us = round(NOON.timestamp()) * 1_000_000
        async with Server(redis_url).lane() as lane:
            yield Place(broker, lane, calls, Splits(calls, {"split": 8}))


async def test_one_that_cannot_fire_stops_no_other(place: Place) -> None:
    """Its problem is told until it is mended; all others fire on time."""
    await place.broker.run(place.broker.calls.register("split", 4))
    wrong, broken = every_hour("wrong", queue="split"), every_hour("broken", queue="bad")
    await place.broker.redis("SET", place.broker.keys.fired("bad"), "no hash")
    firer = place.firer(wrong, broken, every_hour("clock"))
    await firer.look()
    assert "schedule wrong: queue 'split' has 4 partitions" in (firer.problem or "")
    assert "schedule broken: " in (firer.problem or "")
    place.later(HOUR)
    await firer.look()
    assert await place.watermark("clock") == NOON + HOUR
    await place.broker.redis("DEL", place.broker.keys.fired("bad"))
    await place.broker.redis("DEL", place.broker.keys.queues)
    await firer.look()
    assert firer.problem is None


@dataclass(frozen=True)
class Counted(Schedule):
    """A rule that counts how often it is asked."""

    rule: Schedule
    asked: list[datetime] = field(default_factory=list)

    def next_after(self, moment: datetime) -> datetime | None:
        """Return what the rule says."""
        self.asked.append(moment)
        return self.rule.next_after(moment)


async def test_a_rule_is_asked_once(place: Place) -> None:
    """Until a schedule is due, a look costs no computing; one that never is again, none at all."""
    often, once = Counted(Every(3600)), Counted(Once(NOON + HOUR))
    firer = place.firer(every_hour("often", rule=often), every_hour("once", rule=once))
    for _ in range(3):
        place.later(timedelta(minutes=1))
        assert await firer.look() == 1.0
    assert (len(often.asked), len(once.asked)) == (1, 1)
    place.later(HOUR)
    await firer.look()
    assert await place.watermark("once") == await place.watermark("often") == NOON + HOUR
    asked = len(once.asked)
    place.later(HOUR)
    await firer.look()
    assert await place.watermark("often") == NOON + 2 * HOUR
    assert len(once.asked) == asked


@pytest.mark.parametrize("answers", [True, False])
async def test_since_when_it_is_there(place: Place, *, answers: bool) -> None:
    """Where nothing ever became of it, it goes on from when it was added; if that is known."""

    async def seed(_: str) -> datetime | None:
        if not answers:
            raise HistoryUnavailable("PostgreSQL is away")
        return None

    since = NOON - timedelta(hours=1.5)
    firer = place.firer(every_hour("clock", since=since))
    place.timetable.seed = seed
    await firer.look()
    assert await place.watermark("clock") == NOON
    rows = [row.occurrence for row in await place.broker.ledger()]
    assert rows == ([NOON - HOUR, NOON] if answers else [])


async def test_the_only_schedule_is_gone(place: Place) -> None:
    """A firer of one schedule ends when that was removed, though others may come."""
    plan = Plan(
        name="clock",
        job="tick",
        queue="default",
        priority=2,
        spec=SPEC,
        timing=Timing(every=3600),
    )
    firer = place.firer(only="clock")
    place.timetable.fixed = False
    place.timetable.take([plan])
    task = asyncio.create_task(firer.run())

    async def looked() -> bool:
        return await place.watermark("clock") == NOON

    await wait_until(looked, description="it looked")
    place.timetable.take([])
    async with asyncio.timeout(DEADLINE):
        await task
