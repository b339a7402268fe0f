"""``release`` hands jobs back in front of their priority, at no cost."""

import pytest

from tests.support.broker import Broker, ids


@pytest.mark.parametrize("started", [True, False])
async def test_no_cost(broker: Broker, started: bool) -> None:
    """A handed-back job keeps attempts and crashes; a row is left if its handler had started."""
    await broker.enqueue("a", priority=1)
    await broker.fail(await broker.take())
    await broker.promote()
    await broker.take()
    await broker.crash()
    delivery = await broker.take()
    assert await broker.release(delivery, started=started) == "k"
    again = await broker.take()
    assert (again.attempts, again.crashes, again.delivery) == (1, 1, delivery.delivery + 1)
    assert again.priority == 1
    outcomes = [row.outcome for row in await broker.journal()]
    assert outcomes == ["failed", "lost"] + ["released"] * started


async def test_in_front(broker: Broker) -> None:
    """Handed-back jobs go before a million others, in their order."""
    await broker.enqueue("a", "b", "c")
    held = await broker.fetch(slots=2)
    await broker.enqueue(*(f"waits-{n}" for n in range(100)))
    await broker.release(*held)
    assert ids(await broker.fetch("w2", 4)) == ["a", "b", "c", "waits-0"]


async def test_batch(broker: Broker) -> None:
    """Each job of a batch has its own answer."""
    await broker.enqueue("a", "b", "c")
    a, b, c = await broker.fetch()
    await broker.finish(b)
    assert await broker.release(a, b, c) == "klk"
    assert ids(await broker.fetch("w2")) == ["a", "c"]


async def test_owns_nothing_then(broker: Broker) -> None:
    """Afterwards the worker owns nothing, and its lease and consumers go when it is over."""
    await broker.enqueue("a")
    await broker.release(await broker.take())
    assert await broker.renew() == 0
    taken = await broker.crash()
    assert (taken.taken, taken.returned, taken.ended) == (True, 0, 0)
    assert await broker.lease() is None
