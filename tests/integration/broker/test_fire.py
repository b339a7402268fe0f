"""``fire`` enqueues each occurrence of a schedule once, whoever tries."""

from tests.support.broker import HOUR_MS, Broker, ids


async def test_once(broker: Broker) -> None:
    """The second scheduler is told that it was too late."""
    now = await broker.now_ms()
    first, second = broker.firing("nightly", now), broker.firing("nightly", now)
    assert await broker.run(first) == "fired"
    assert await broker.run(second) == "already"
    assert await broker.token() == 1
    assert ids(await broker.fetch()) == [f"nightly@{now}"]


async def test_never_early(broker: Broker) -> None:
    """A time later than Redis' now is refused: a host's clock may be wrong."""
    later = await broker.now_ms() + HOUR_MS
    assert await broker.run(broker.firing("nightly", later)) == "early"
    assert await broker.fetch() == []
    assert await broker.run(broker.firing("nightly", later - HOUR_MS)) == "fired"


async def test_only_forward(broker: Broker) -> None:
    """An occurrence before the last one fired is never fired, though it was missed."""
    now = await broker.now_ms()
    assert await broker.run(broker.firing("nightly", now)) == "fired"
    assert await broker.run(broker.firing("nightly", now - 1000)) == "already"
    assert int(await broker.redis("HGET", broker.keys.fired(broker.queue), "nightly")) == now
    assert len(await broker.fetch()) == 1


async def test_after_the_job_has_gone(broker: Broker) -> None:
    """A repeated firing makes no second job when the first has run and gone."""
    call = broker.firing("nightly", await broker.now_ms())
    assert await broker.run(call) == "fired"
    assert len(await broker.drain()) == 1
    await broker.recorded()
    assert await broker.run(call) == "already"
    assert await broker.drain() == []


async def test_schedules_are_apart(broker: Broker) -> None:
    """Each schedule has its own watermark."""
    now = await broker.now_ms()
    assert await broker.run(broker.firing("one", now)) == "fired"
    assert await broker.run(broker.firing("two", now - HOUR_MS)) == "fired"
    assert len(await broker.fetch()) == 2


async def test_the_id_is_there(broker: Broker) -> None:
    """A job that somebody enqueued under the occurrence's id counts as the occurrence."""
    now = await broker.now_ms()
    await broker.enqueue("nightly@x")
    assert await broker.run(broker.firing("nightly", now, id_="nightly@x")) == "already"
    assert ids(await broker.fetch()) == ["nightly@x"]
    assert await broker.run(broker.firing("nightly", now, id_="nightly@y")) == "already"
