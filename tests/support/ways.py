"""Every way in which a job can wait, and every way in which one that runs can go on.

Each takes a broker and the id of a job that was just enqueued, the only one that is ready.
"""

from collections.abc import Awaitable, Callable

from tests.support.broker import HOUR_MS, Broker
from tests.support.rules import limit

Way = Callable[[Broker, str], Awaitable[object]]


async def succeed(broker: Broker, _: str) -> None:
    """Run well."""
    await broker.finish(await broker.take())


async def die(broker: Broker, _: str) -> None:
    """Become a dead letter."""
    await broker.finish(await broker.take(), state="dead")


async def crash(broker: Broker, _: str) -> None:
    """Take the last worker along."""
    await broker.take()
    await broker.crash(budget=1)


async def cancel_waiting(broker: Broker, id_: str) -> None:
    """Be cancelled before anything else."""
    assert await broker.cancel(id_) == "ready"


async def cancel_running(broker: Broker, id_: str) -> None:
    """Be cancelled at work, and obey."""
    delivery = await broker.take()
    assert await broker.cancel(id_) == "running"
    await broker.finish(delivery, state="cancelled")


async def cancel_and_crash(broker: Broker, id_: str) -> None:
    """Be cancelled at work by a worker that dies before it hears of it."""
    await broker.take()
    await broker.cancel(id_)
    await broker.crash()


async def cancel_retrying(broker: Broker, id_: str) -> None:
    """Fail, and be cancelled before the next attempt."""
    await broker.fail(await broker.take(), HOUR_MS)
    assert await broker.cancel(id_) == "retrying"


async def cancel_poison(broker: Broker, id_: str) -> None:
    """Be cancelled on its last life, while no worker may take it."""
    await poison(broker, id_)
    assert await broker.cancel(id_) == "ready"


ENDS: dict[str, Way] = {
    way.__name__: way
    for way in (
        succeed, die, crash, cancel_waiting, cancel_running, cancel_and_crash, cancel_retrying,
        cancel_poison,
    )
}  # fmt: skip


async def ready(_broker: Broker, _: str) -> None:
    """Wait to be fetched."""


async def retrying(broker: Broker, _: str) -> None:
    """Wait for the next attempt."""
    await broker.fail(await broker.take(), HOUR_MS)


async def snoozed(broker: Broker, _: str) -> None:
    """Wait for a time that the handler chose."""
    await broker.snooze(await broker.take())


async def released(broker: Broker, _: str) -> None:
    """Be handed back by a worker that stops."""
    await broker.release(await broker.take())


async def reclaimed(broker: Broker, _: str) -> None:
    """Be taken back from a worker that died."""
    await broker.take()
    await broker.crash()


async def parked(broker: Broker, id_: str) -> None:
    """Wait for a limit that allows nothing."""
    await broker.set_rule(limit(0))
    assert await broker.fetch() == []
    assert (await broker.parked("limit:job:job")) == [id_]


async def poison(broker: Broker, _: str) -> None:
    """Be kept back on the last life."""
    for _n in range(2):
        await broker.take("dying")
        await broker.crash("dying")
    assert await broker.fetch(alone=True) == []


WAITS: dict[str, Way] = {
    way.__name__: way for way in (ready, retrying, snoozed, released, reclaimed, parked, poison)
}
"""Ways after which the job waits and holds its unique key."""

LIVES = {
    "ready": (0, 0), "retrying": (1, 1), "snoozed": (1, 0), "released": (1, 0),
    "reclaimed": (1, 0), "parked": (0, 0), "poison": (2, 0),
}  # fmt: skip
"""How many deliveries and attempts the job has had by then."""


async def running(broker: Broker, _: str) -> None:
    """Be at work."""
    await broker.take()
