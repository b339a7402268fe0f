"""A queue is split while schedulers run: each occurrence of a schedule still fires once.

Time is the test's: an occurrence is missing for no other reason than the split.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from itertools import chain, pairwise
from typing import Protocol

import pytest

from jobqueue import Priority
from jobqueue.broker.servers import Server
from jobqueue.broker.splits import Splits
from jobqueue.domain.schedules import Every
from jobqueue.scheduler.firer import Firer
from jobqueue.scheduler.scheduled import Scheduled
from jobqueue.scheduler.timetable import Timetable
from jobqueue.testing.timed import TimedCalls
from tests.support.broker import SPEC, Broker, connect

PARTITIONS = 4
STEP = timedelta(minutes=1)
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
PLACE = Scheduled("clock", Every(1), "default", Priority.NORMAL, "tick", SPEC, key="clock").place(4)


class Make(Protocol):
    """Makes a scheduler's firer: ``partitions`` is what its code declares."""

    def __call__(self, partitions: int = 0) -> Firer:
        """Make one."""


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    """The queue ``default``, whole."""
    async with connect(redis_url) as broker:
        yield broker


@pytest.fixture
def calls(broker: Broker) -> TimedCalls:
    """What all firers send: it is noon."""
    calls = TimedCalls(broker.keys)
    calls.time_us = round(NOON.timestamp()) * 1_000_000
    return calls


@pytest.fixture
async def make(broker: Broker, calls: TimedCalls) -> AsyncIterator[Make]:
    """Firers of one schedule, each with a connection of its own."""
    async with AsyncExitStack() as stack:

        def make(partitions: int = 0) -> Firer:
            lane = Server(broker.url).lane()
            stack.push_async_callback(lane.close)
            splits = Splits(calls, {"default": partitions} if partitions else {})
            rule = Every(STEP.total_seconds())
            each = Scheduled("clock", rule, "default", Priority.NORMAL, "tick", SPEC, key="clock")
            return Firer(lane, calls, splits, Timetable([each]))

        yield make


async def occurrences(broker: Broker) -> dict[str, list[datetime]]:
    """Return what has fired, by place."""
    found: dict[str, list[datetime]] = {}
    for place in ("default", PLACE):
        keys = await broker.redis("KEYS", f"{broker.keys.base(place)}job:*")
        stamps = [key.decode().partition("@")[2] for key in keys]
        found[place] = sorted(datetime.fromisoformat(stamp) for stamp in stamps)
    return found


async def look(broker: Broker, calls: TimedCalls, *firers: Firer, steps: int) -> list[datetime]:
    """Let firers look in turn, now and after each step of the time; return what has fired."""
    assert calls.time_us is not None
    for step in range(steps + 1):
        calls.time_us += STEP // timedelta(microseconds=1) if step else 0
        for each in firers:
            await each.look()
    return sorted(chain(*(await occurrences(broker)).values()))


def no_gaps(fired: list[datetime]) -> None:
    """Assert that none is missing and none is there twice."""
    assert fired[0] == NOON + STEP, "the schedule was new at noon"
    assert {later - sooner for sooner, later in pairwise(fired)} == {STEP}


@pytest.mark.parametrize("first", ["older", "newer"])
async def test_while_an_older_scheduler_runs(
    broker: Broker, calls: TimedCalls, make: Make, first: str
) -> None:
    """It learns of the split before it fires, and goes on where the newer one fires."""
    older, newer = make(), make(PARTITIONS)
    await look(broker, calls, older, steps=2)
    turns = (older, newer) if first == "older" else (newer, older)
    fired = await look(broker, calls, *turns, steps=4)
    no_gaps(fired)
    assert len(fired) == 6
    assert len((await occurrences(broker))["default"]) == 2


async def test_the_older_one_is_left(broker: Broker, calls: TimedCalls, make: Make) -> None:
    """Where the newer scheduler ends, the older one fires in the partition alone."""
    older, newer = make(), make(PARTITIONS)
    await look(broker, calls, older, steps=1)
    await newer.look()
    fired = await look(broker, calls, older, steps=3)
    no_gaps(fired)
    assert len(fired) == 4
    assert len((await occurrences(broker))["default"]) == 1


async def test_split_by_somebody_else(broker: Broker, calls: TimedCalls, make: Make) -> None:
    """Whoever has split the queue: the scheduler carries what it has fired to the new place."""
    firer = make()
    await look(broker, calls, firer, steps=1)
    await broker.run(broker.calls.register("default", PARTITIONS))
    fired = await look(broker, calls, firer, steps=2)
    no_gaps(fired)
    assert len(fired) == 3
    assert len((await occurrences(broker))["default"]) == 1


async def test_after_a_downtime(broker: Broker, make: Make) -> None:
    """A split in a downtime loses nothing: the last occurrence missed in it fires."""
    hour_ago = round(NOON.timestamp() - 3600) * 1000
    await broker.redis("HSET", broker.keys.fired("default"), "clock", hour_ago)
    await make(PARTITIONS).look()
    assert await occurrences(broker) == {"default": [], PLACE: [NOON]}


async def test_code_says_another_number(broker: Broker, make: Make) -> None:
    """A scheduler whose code declares something else says so instead of firing somewhere."""
    await broker.run(broker.calls.register("default", PARTITIONS))
    firer = make(8)
    await firer.look()
    assert "has 4 partitions, and this app declares 8" in (firer.problem or "")
    assert await occurrences(broker) == {"default": [], PLACE: []}
