"""Presence says which services live, and forgets those that are silent."""

import asyncio
import os
import socket

import pytest

from jobqueue.broker.presence import beat, hide, service_id, services, show
from jobqueue.broker.servers import Server
from tests.support import wait_until
from tests.support.broker import Broker


async def test_living(broker: Broker) -> None:
    """A service is there with what it says of itself, until it leaves."""
    await broker.lane.commands(
        [
            *show(broker.keys, "worker", "w1", {"queues": ["ä"]}, 60_000),
            *show(broker.keys, "scheduler", "s1", {}, 60_000),
        ]
    )
    here = {"host": socket.gethostname(), "pid": os.getpid()}
    worker = {"role": "worker", "id": "w1", "queues": ["ä"], **here}
    scheduler = {"role": "scheduler", "id": "s1", **here}
    assert await services(broker.lane, broker.keys) == [scheduler, worker]
    assert await services(broker.lane, broker.keys, "worker") == [worker]
    await broker.lane.commands(hide(broker.keys, "worker", "w1"))
    assert await services(broker.lane, broker.keys) == [scheduler]


async def test_silent(broker: Broker) -> None:
    """A service whose time is over is forgotten by the next reader."""
    await broker.lane.commands(show(broker.keys, "worker", "w1", {}, 60_000))
    await broker.redis("PEXPIRE", broker.keys.presence("worker:w1"), 0)
    assert await broker.redis("SISMEMBER", broker.keys.services, "worker:w1")
    assert await services(broker.lane, broker.keys) == []
    assert await broker.redis("EXISTS", broker.keys.services) == 0


async def test_nobody(broker: Broker) -> None:
    """Where nobody ever was, nobody is."""
    assert await services(broker.lane, broker.keys) == []


async def test_beats(broker: Broker) -> None:
    """A beating service is there at once, and gone as soon as it ends."""
    async with Server(broker.url).lane() as lane:
        beating = asyncio.create_task(
            beat(lane, broker.keys, "scheduler", "s1", lambda: {"problems": []})
        )

        async def found() -> list[dict[str, object]]:
            return await services(broker.lane, broker.keys)

        [service] = await wait_until(found, description="the service is there")
        assert (service["role"], service["id"], service["problems"]) == ("scheduler", "s1", [])
        assert service["pid"]
        beating.cancel()
        await asyncio.wait({beating})
    assert await found() == []


async def test_out_of_memory(broker: Broker) -> None:
    """At ``maxmemory`` a service that lives is seen to live, also a new one."""
    await broker.lane.commands(show(broker.keys, "worker", "w1", {"n": 1}, 60_000))
    await broker.redis("CONFIG", "SET", "maxmemory", "1")
    try:
        for name in ("w1", "w2"):
            await broker.lane.commands(show(broker.keys, "worker", name, {"n": 2}, 60_000))
        found = await services(broker.lane, broker.keys)
    finally:
        await broker.redis("CONFIG", "SET", "maxmemory", "0")
    assert [(each["id"], each["n"]) for each in found] == [("w1", 2), ("w2", 2)]


async def test_a_refused_beat_is_told(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    """A service that can't say that it lives warns: people will take it for dead."""
    await broker.redis("SET", broker.keys.services, "no set")
    async with Server(broker.url).lane() as lane:
        beating = asyncio.create_task(beat(lane, broker.keys, "scheduler", "s1", dict))
        await wait_until(lambda: caplog.records, description="a warning")
        beating.cancel()
        await asyncio.wait({beating})
    await broker.redis("DEL", broker.keys.services)
    assert (caplog.records[0].levelname, caplog.messages[0]) == ("WARNING", "presence not written")


def test_ids() -> None:
    """Two services have different ids, also with one pid in two containers."""
    assert service_id() != service_id()
