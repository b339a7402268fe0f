"""A queue is split while schedulers run: each occurrence of a schedule still fires once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from itertools import chain, pairwise
from typing import Protocol

import pytest

from jobqueue import ConfigurationError, Priority
from jobqueue.broker.servers import Server
from jobqueue.broker.splits import Splits
from jobqueue.domain.schedules import Every
from jobqueue.scheduler.firer import Firer
from jobqueue.scheduler.scheduled import Scheduled
from tests.support.broker import SPEC, Broker, connect

PARTITIONS = 4
STEP = timedelta(seconds=0.5)
PLACE = Scheduled("clock", Every(1), "default", Priority.NORMAL, "tick", SPEC, key="clock").place(4)


class Make(Protocol):
    """Makes a scheduler's firer: ``partitions`` is what its code declares."""

    def __call__(self, partitions: int = 0, step: timedelta = STEP) -> Firer:
        """Make one."""


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    """The queue ``default``, whole."""
    async with connect(redis_url) as broker:
        yield broker


@pytest.fixture
async def make(broker: Broker) -> AsyncIterator[Make]:
    """Firers of one schedule, each with a connection of its own."""
    async with AsyncExitStack() as stack:

        def make(partitions: int = 0, step: timedelta = STEP) -> Firer:
            lane = Server(broker.url).lane()
            stack.push_async_callback(lane.close)
            splits = Splits(broker.calls, {"default": partitions} if partitions else {})
            rule = Every(step.total_seconds())
            each = Scheduled("clock", rule, "default", Priority.NORMAL, "tick", SPEC, key="clock")
            return Firer(lane, broker.calls, splits, [each])

        yield make


async def occurrences(broker: Broker) -> dict[str, list[datetime]]:
    """Return what has fired, by place."""
    found: dict[str, list[datetime]] = {}
    for place in ("default", PLACE):
        keys = await broker.redis("KEYS", f"{broker.keys.base(place)}job:*")
        stamps = [key.decode().partition("@")[2] for key in keys]
        found[place] = sorted(datetime.fromisoformat(stamp) for stamp in stamps)
    return found


async def look(broker: Broker, *firers: Firer, until: int) -> list[datetime]:
    """Let firers look in turn until so many occurrences have fired; return all, in order."""
    while True:
        waits = [await each.look() for each in firers]
        fired = sorted(chain(*(await occurrences(broker)).values()))
        if len(fired) >= until:
            return fired
        await asyncio.sleep(min(waits))


def no_gaps(fired: list[datetime]) -> None:
    """Assert that none is missing and none is there twice."""
    assert {later - sooner for sooner, later in pairwise(fired)} == {STEP}


@pytest.mark.parametrize("first", ["older", "newer"])
async def test_while_an_older_scheduler_runs(broker: Broker, make: Make, first: str) -> None:
    """It learns of the split before it fires, and goes on where the newer one fires."""
    older, newer = make(), make(PARTITIONS)
    await look(broker, older, until=2)
    turns = (older, newer) if first == "older" else (newer, older)
    no_gaps(await look(broker, *turns, until=6))
    assert len((await occurrences(broker))[PLACE]) >= 3
    assert len((await occurrences(broker))["default"]) <= 3


async def test_the_older_one_is_left(broker: Broker, make: Make) -> None:
    """Where the newer scheduler ends, the older one fires in the partition alone."""
    older, newer = make(), make(PARTITIONS)
    await look(broker, older, until=1)
    await newer.look()
    no_gaps(await look(broker, older, until=4))
    assert len((await occurrences(broker))["default"]) == 1


async def test_split_by_somebody_else(broker: Broker, make: Make) -> None:
    """Whoever has split the queue: the scheduler carries what it has fired to the new place."""
    firer = make()
    await look(broker, firer, until=1)
    await broker.run(broker.calls.register("default", PARTITIONS))
    no_gaps(await look(broker, firer, until=3))
    assert len((await occurrences(broker))["default"]) == 1


async def test_after_a_downtime(broker: Broker, make: Make) -> None:
    """A split in a downtime loses nothing: the last occurrence missed in it fires."""
    hour_ago = await broker.now_ms() - 3_600_000
    await broker.redis("HSET", broker.keys.fired("default"), "clock", hour_ago)
    firer = make(PARTITIONS, timedelta(minutes=1))
    await firer.look()
    [fired] = (await occurrences(broker))[PLACE]
    assert fired.timestamp() * 1000 > await broker.now_ms() - 120_000


async def test_code_says_another_number(broker: Broker, make: Make) -> None:
    """A scheduler whose code declares something else stops instead of firing somewhere."""
    await broker.run(broker.calls.register("default", PARTITIONS))
    with pytest.raises(ConfigurationError, match="has 4 partitions, and this app declares 8"):
        await make(8).look()
