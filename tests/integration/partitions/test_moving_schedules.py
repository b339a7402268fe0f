"""A queue is split while two schedulers fire: between two steps of one come all of the other."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from jobqueue import BrokerError, Priority
from jobqueue.broker.lanes import Lane
from jobqueue.broker.servers import Server
from jobqueue.broker.splits import Splits
from jobqueue.domain.schedules import Every
from jobqueue.scheduler.firer import Firer
from jobqueue.scheduler.scheduled import Scheduled
from jobqueue.scheduler.timetable import Timetable
from tests.support.broker import HOUR_MS, SPEC

from .conftest import PARTITIONS, Split

CLOCK = Scheduled("clock", Every(3600), "mail", Priority.NORMAL, "tick", SPEC, key="clock")
PLACE = CLOCK.place(PARTITIONS)

Step = Callable[[], Awaitable[Any]]


class Schedulers:
    """Makes firers whose steps may be interrupted."""

    def __init__(self, split: Split, stack: AsyncExitStack, patch: pytest.MonkeyPatch) -> None:
        self._split = split
        self._stack = stack
        self._patch = patch

    def make(self, partitions: int = 0) -> tuple[Firer, Lane]:
        """Make one whose code declares so many partitions; return its lane, too."""
        lane = Server(self._split.url).lane()
        self._stack.push_async_callback(lane.close)
        calls = self._split.broker.calls
        splits = Splits(calls, {"mail": partitions} if partitions else {})
        return Firer(lane, calls, splits, Timetable([CLOCK])), lane

    def before(self, lane: Lane, name: str, step: Step) -> None:
        """Do something else once, just before a lane sends a script or a command."""
        steps, call, command = [step], lane.call, lane.command

        async def calling(each: Any) -> Any:
            while each.script.name == name and steps:
                await steps.pop()()
            return await call(each)

        async def commanding(*args: Any, **options: Any) -> Any:
            while args[0] == name and steps:
                await steps.pop()()
            return await command(*args, **options)

        self._patch.setattr(lane, "call", calling)
        self._patch.setattr(lane, "command", commanding)


@pytest.fixture
async def schedulers(split: Split, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Schedulers]:
    """Schedulers of a schedule that was last fired in the queue itself, and is due again."""
    before = await split.broker.now_ms() - 3 * HOUR_MS
    await split.broker.redis("HSET", split.broker.keys.fired("mail"), "clock", before)
    async with AsyncExitStack() as stack:
        yield Schedulers(split, stack, monkeypatch)


async def fired(split: Split) -> list[str]:
    """Return the places where the schedule has fired, one for each time."""
    broker = split.broker
    places = []
    for place in ("mail", PLACE):
        counts = await broker.redis("HGETALL", broker.keys.counts(place))
        places += [place] * int(counts.get(b"ready:tick", 0))
    return places


@pytest.mark.parametrize("step", ["fire", "register"])
async def test_the_newer_one_comes_between(split: Split, schedulers: Schedulers, step: str) -> None:
    """What a newer scheduler has fired in a partition an older one does not fire in the queue."""
    (older, lane), (newer, _) = schedulers.make(), schedulers.make(PARTITIONS)
    schedulers.before(lane, step, newer.look)
    await older.look()
    await older.look()
    assert await fired(split) == [PLACE]


@pytest.mark.parametrize("step", ["register", "SADD", "HGET", "HSETNX", "fire"])
async def test_the_older_one_comes_between(split: Split, schedulers: Schedulers, step: str) -> None:
    """What an older scheduler still fires in the queue a newer one does not fire in a partition."""
    (older, _), (newer, lane) = schedulers.make(), schedulers.make(PARTITIONS)
    schedulers.before(lane, step, older.look)
    await newer.look()
    await newer.look()
    places = await fired(split)
    assert places == (["mail"] if step == "register" else [PLACE])


async def test_the_newer_one_dies(split: Split, schedulers: Schedulers) -> None:
    """Where it has moved the schedule and fired nothing, the older one fires in the partition."""
    (older, lane), (newer, dying) = schedulers.make(), schedulers.make(PARTITIONS)

    async def die() -> None:
        raise BrokerError("killed")

    async def begin() -> None:
        await newer.look()
        assert newer.problem == "schedule clock: killed"

    schedulers.before(dying, "HSETNX", die)
    schedulers.before(lane, "fire", begin)
    await older.look()
    assert await fired(split) == [PLACE]


async def test_redis_has_forgotten_the_split(split: Split, schedulers: Schedulers) -> None:
    """A schedule whose partition nobody knows any more is reported; newer code mends it."""
    keys = split.broker.keys
    (older, _), (newer, _) = schedulers.make(), schedulers.make(PARTITIONS)
    await split.broker.redis("SADD", keys.moved("mail"), "clock")
    await older.look()
    assert "'clock' fires in a partition of queue 'mail'" in (older.problem or "")
    assert await fired(split) == []
    await newer.look()
    assert await fired(split) == [PLACE]
    await older.look()
    assert await fired(split) == [PLACE]
