"""A server that dies and comes back with its AOF has everything that it answered for."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from jobqueue.domain.errors import BrokerUnavailable
from jobqueue.embedded import ValkeyServer
from tests.support import keyspace
from tests.support.broker import HOUR_MS, Broker, connect, ids
from tests.support.servers import redis_programs


@pytest.fixture(params=redis_programs())
async def mortal(
    request: pytest.FixtureRequest, tmp_path: Path, judge: Callable[[str], None]
) -> AsyncIterator[tuple[Broker, ValkeyServer]]:
    """A broker on a server of this test alone that answers when the disk has it."""
    program = redis_programs()[request.param]
    settings = {"appendfsync": "always"}
    with ValkeyServer(tmp_path, program=program, settings=settings) as server:
        async with connect(server.url) as broker:
            yield broker, server
        judge(server.url)


async def test_whole_life(mortal: tuple[Broker, ValkeyServer]) -> None:
    """After ``kill -9`` of the server every job is where it was; every call can be repeated."""
    broker, server = mortal
    await broker.enqueue("done", "retried", "released", "running", "lost")
    done, retried, released, running, _lost = await broker.fetch()
    await broker.enqueue("later", delay_ms=HOUR_MS)
    await broker.release(released)
    await broker.fail(retried, HOUR_MS)
    finish, enqueue = broker.finishing(done), broker.enqueuing("waits")
    assert (await broker.run(finish), await broker.run(enqueue)) == ("k", "c")
    before = await everything(broker)

    server.kill()
    with pytest.raises(BrokerUnavailable):
        await broker.renew()
    server.start()

    assert await everything(broker) == before
    assert (await broker.run(finish), await broker.run(enqueue)) == ("k", "c")
    assert ids(await broker.recover()) == ["running", "lost"]
    assert await broker.finish(running) == "k"
    assert (await broker.crash()).returned == 1
    await broker.mature("retried", "later")
    assert await broker.drain() == ["released", "lost", "waits", "later", "retried"]
    assert await broker.recorded() == 7
    assert keyspace.miscounted(server.url) == []


async def everything(broker: Broker) -> object:
    """Return what jobs, workers, schedulers and recorders see."""
    jobs = ("done", "retried", "released", "running", "lost", "later", "waits")
    return (
        [await broker.redis("GET", broker.keys.job(broker.queue, id_)) for id_ in jobs],
        [await broker.state(id_) for id_ in jobs],
        await broker.redis("ZRANGE", broker.keys.scheduled(broker.queue), 0, -1, "WITHSCORES"),
        await broker.journal(),
        await broker.counts(),
        await broker.lease(),
        await broker.redis("HGETALL", broker.keys.running(broker.queue, "w1")),
    )
