"""Rules: what code declares, what an operator sets over it, and what counts."""

from jobqueue.broker.messages import Bound, Ruled
from tests.support.broker import Broker
from tests.support.rules import depth, limit, rate


async def test_declared(broker: Broker) -> None:
    """A declaration counts until new code of the same names declares something else."""
    await broker.declare(limit(3, "x"), rate(5, 1000, "y"), names=["x", "y"])
    found = await broker.declare(limit(4, "x"), names=["x"])
    assert found == {
        "limit:job:x": Ruled("limit:job:x", "limit", 4, None, "x", declared=Bound(4)),
        "rate:job:y": Ruled("rate:job:y", "rate", 5, 1000, "y", declared=Bound(5, 1000)),
    }
    assert list(await broker.declare(names=["x", "z"])) == ["rate:job:y"]
    assert await broker.declare(names=["y"]) == {}
    assert await broker.redis("EXISTS", broker.keys.rules(broker.queue)) == 0


async def test_set(broker: Broker) -> None:
    """What an operator set wins, outlives declarations, and leaves them as they were."""
    await broker.declare(limit(3))
    found = await broker.set_rule(limit(1))
    assert (found["limit:job:job"].n, found["limit:job:job"].declared) == (1, Bound(3))
    found = await broker.declare(limit(5))
    assert (found["limit:job:job"].n, found["limit:job:job"].declared) == (1, Bound(5))
    found = await broker.declare()
    assert (found["limit:job:job"].n, found["limit:job:job"].declared) == (1, None)
    await broker.declare(limit(7))
    found = await broker.set_rule(limit(None))
    assert (found["limit:job:job"].n, found["limit:job:job"].set) == (7, None)


async def test_set_without_a_declaration(broker: Broker) -> None:
    """An operator may limit what no code does, and take that back."""
    for rule, none in (
        (limit(1), limit(None)),
        (rate(1, 50, None), rate(None, name=None)),
        (depth(4), depth(None)),
    ):
        found = await broker.set_rule(rule)
        assert found[rule.label].set == Bound(rule.n or 0, rule.per_ms)
        assert await broker.set_rule(none) == {}
        assert await broker.set_rule(none) == {}


async def test_keyed(broker: Broker) -> None:
    """New code may count keys apart where old code did not; an operator changes only numbers."""
    await broker.declare(limit(1, keyed=True))
    await broker.set_rule(limit(2, keyed=True))
    found = await broker.declare(limit(1, keyed=True))
    assert [(rule.keyed, rule.n) for rule in found.values()] == [(True, 2)]


async def test_no_change_wakes_nobody(broker: Broker) -> None:
    """Workers that start with the rules of yesterday disturb nobody; a change wakes one."""
    await broker.declare(limit(3))
    await broker.swallow()
    await broker.declare(limit(3))
    assert await broker.token() == 0
    await broker.set_rule(limit(2))
    assert await broker.token() == 1


async def test_depth_alone(broker: Broker) -> None:
    """A bound on what waits changes nothing for fetch and promote."""
    await broker.set_rule(depth(5))
    await broker.enqueue("a", "b")
    assert (await broker.promote()).count == 0
    assert await broker.drain() == ["a", "b"]
