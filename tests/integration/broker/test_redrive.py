"""``redrive`` puts a dead letter back as a new run, or says that it can't."""

import msgspec
import pytest

from jobqueue.broker.messages import Delivery
from jobqueue.domain.jobs import SPEC_VERSION, Spec
from tests.support.broker import HOUR_MS, Broker, ids

OTHER = msgspec.msgpack.encode(Spec(SPEC_VERSION, None, b'{"x": 1}'))


async def die(broker: Broker, id_: str = "a") -> Delivery:
    """Let a job become a dead letter; return its last delivery."""
    await broker.enqueue(id_, priority=1)
    for _ in range(2):
        await broker.fail(await broker.take())
        await broker.promote()
    delivery = await broker.take()
    await broker.finish(delivery, state="dead", fields=["error", "{}"])
    return delivery


@pytest.mark.parametrize("recorded", [None, 0, HOUR_MS])
async def test_new_run(broker: Broker, recorded: int | None) -> None:
    """The new run counts its attempts, crashes and deliveries from the beginning."""
    dead = await die(broker)
    if recorded is not None:
        await broker.recorded(keep_ms=recorded)
    call = broker.redriving(dead.token, "a", 1, priority=0, spec=OTHER)
    assert await broker.run(call) == "redriven"
    again = await broker.take("w2")
    assert (again.run, again.attempts, again.delivery, again.crashes) == (1, 0, 1, 0)
    assert (again.delay_ms, again.priority, bytes(again.spec)) == (0, 0, OTHER)
    assert again.token != dead.token
    assert again.fence > dead.fence
    assert "error" not in await broker.state("a")
    assert await broker.redis("PTTL", broker.keys.state(broker.queue, "a")) == -1
    assert await broker.finish(again, worker="w2") == "k"
    assert (await broker.journal())[-1].run == 1


async def test_stale_worker(broker: Broker) -> None:
    """The worker of the old run can't settle the new one."""
    dead = await die(broker)
    await broker.run(broker.redriving(dead.token, "a"))
    assert await broker.finish(dead) == "l"
    again = await broker.take("w2")
    assert await broker.finish(dead) == "l"
    assert await broker.finish(again, worker="w2") == "k"


@pytest.mark.parametrize("state", ["scheduled", "ready", "running", "retrying", "succeeded"])
async def test_conflict(broker: Broker, state: str) -> None:
    """A job with this id that is not dead stays as it is."""
    dead = await die(broker)
    await broker.recorded()
    await broker.enqueue("a", delay_ms=HOUR_MS if state == "scheduled" else None)
    if state in {"running", "retrying", "succeeded"}:
        delivery = await broker.take("w2")
    if state == "retrying":
        await broker.fail(delivery, HOUR_MS, worker="w2")
    if state == "succeeded":
        await broker.finish(delivery, worker="w2")
    before = await broker.counts(), await broker.state("a")
    assert await broker.run(broker.redriving(dead.token, "a")) == "conflict"
    assert (await broker.counts(), await broker.state("a")) == before
    await broker.mature("a")
    assert await broker.drain() == (["a"] if state not in {"running", "succeeded"} else [])


async def test_same_run_twice(broker: Broker) -> None:
    """When Redis has forgotten the call, the run that is there answers for it."""
    dead = await die(broker)
    assert await broker.run(broker.redriving(dead.token, "a", 1)) == "redriven"
    await broker.redis("DEL", f"{broker.keys.base(broker.queue)}call:{dead.token}")
    assert await broker.run(broker.redriving(dead.token, "a", 1)) == "redriven"
    assert ids(await broker.fetch()) == ["a"]


async def test_again_and_again(broker: Broker) -> None:
    """Each death of a run can be redriven, with the next number."""
    dead = await die(broker)
    for run in (1, 2, 3):
        assert await broker.run(broker.redriving(dead.token, "a", run)) == "redriven"
        dead = await broker.take()
        assert (dead.run, dead.delivery) == (run, 1)
        await broker.finish(dead, state="dead")


async def test_fence_of_a_first_delivery(broker: Broker) -> None:
    """A fencing number that only the token tells is not repeated by a clock that is behind."""
    await broker.enqueue("a")
    dead = await broker.take()
    await broker.finish(dead, state="dead")
    ahead = f"{await broker.now_ms() + HOUR_MS:012x}"
    token = f"{ahead[:8]}-{ahead[8:]}{dead.token[13:]}"
    await broker.redis("HSET", broker.keys.state(broker.queue, "a"), "token", token)
    await broker.run(broker.redriving(dead.token, "a"))
    assert (await broker.take()).fence > int(ahead, 16) * 1000


async def test_wakes(broker: Broker) -> None:
    """A redrive wakes a worker."""
    dead = await die(broker)
    await broker.swallow()
    await broker.run(broker.redriving(dead.token, "a"))
    assert await broker.token() == 1
