"""A slot moves from one master to another, key by key, while its queue is at work.

Scripts name a key that never exists, so the master that a slot is leaving refuses each of
them before its first line: nothing happens by halves, and the repeated call does it all.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from jobqueue.broker.calls import Call
from jobqueue.broker.failures import AnswerLost
from jobqueue.domain.errors import BrokerUnavailable
from jobqueue.domain.jobs import Asks
from tests.support import keyspace
from tests.support.broker import HOUR_MS, LEASE_MS, Broker, connect, ids
from tests.support.cluster import Cluster
from tests.support.rules import limit
from tests.support.stage import each_once, stage_on

JOBS = 200


@pytest.fixture
async def broker(any_cluster: Cluster) -> AsyncIterator[Broker]:
    """A queue in which a job waits, one is scheduled, one runs, and one has ended."""
    async with connect(any_cluster.url) as broker:
        await broker.enqueue("ended", "running")
        ended, _running = await broker.fetch()
        await broker.finish(ended)
        await broker.enqueue("waiting", asks=Asks(lock="key", unique="key"))
        await broker.enqueue("later", delay_ms=HOUR_MS)
        yield broker


async def every_call(broker: Broker) -> dict[str, Callable[[], Call[Any]]]:
    """Return what makes each kind of call anew, with a number of its own."""
    [running] = await broker.recover()
    records = await broker.recording()
    queue, calls = broker.queue, broker.calls
    return {
        "enqueue": lambda: broker.enqueuing("new", caller="other"),
        "fetch": lambda: broker.fetching("w2"),
        "recover": broker.recovering,
        "renew": lambda: calls.renew(queue, "w1", LEASE_MS),
        "progress": lambda: calls.progress(queue, "w1", []),
        "watch": lambda: calls.watch(queue, "running", "inbox"),
        "cancel": lambda: calls.cancel(queue, "waiting", "no more"),
        "rules": lambda: calls.set_rule(queue, limit(5)),
        "promote": lambda: calls.promote(queue, 10),
        "fire": lambda: broker.firing("nightly", 1),
        "reclaim": lambda: calls.reclaim(queue, "w1", 1, 10, 3),
        "redrive": lambda: broker.redriving(running.token, "gone"),
        "recorded": lambda: calls.recorded(queue, records, 1),
        "release": lambda: broker.releasing(running),
        "finish": lambda: broker.finishing(running),
    }


def contents(cluster: Cluster) -> dict[bytes, bytes]:
    """Return every key with its value, wherever it is just now."""
    found: dict[bytes, bytes] = {}
    for node in cluster.masters():
        for key in node.run("KEYS", "*"):
            found[key] = node.run("DUMP", key)[:-10]  # without version and checksum
    return found


async def test_nothing_by_halves(broker: Broker, any_cluster: Cluster) -> None:
    """At every step of a move each script is refused whole, and says that it was not run."""
    calls = await every_call(broker)
    before = contents(any_cluster)
    steps = 0
    for step in any_cluster.moving(broker.key("")):
        steps += 1
        if step == "done":
            break
        for name, make in calls.items():
            with pytest.raises(BrokerUnavailable) as caught:
                await broker.run(make())
            assert not isinstance(caught.value, AnswerLost), (name, step)
    assert steps > len(calls) / 2, "many keys have moved one by one"
    assert contents(any_cluster) == before, "not one byte is another"
    assert ids(await broker.recover()) == ["running"]
    assert await broker.enqueue("new") == "c"
    await broker.mature("later")
    assert sorted(await broker.drain()) == ["later", "new", "waiting"]


async def test_repeated_calls(broker: Broker, any_cluster: Cluster) -> None:
    """What was refused on the way is carried out once, when it is repeated after the move."""
    call = broker.enqueuing("new", caller="other")
    steps = any_cluster.moving(broker.key(""))
    next(steps)
    with pytest.raises(BrokerUnavailable):
        await broker.run(call)
    assert [*steps][-1] == "done"
    assert [await broker.run(call) for _ in range(2)] == ["c", "c"]
    assert sorted(await broker.drain()) == ["new", "waiting"]


async def test_under_load(cluster: Cluster, queues: dict[int, str]) -> None:
    """Slots move to and fro while jobs are sent and run: every job ends, and runs once."""
    names = list(queues.values())
    # A machine under load takes its time for a move, and nobody may give up meanwhile.
    async with stage_on(cluster.url, enqueue_timeout=60.0) as stage:

        @stage.app.job(retry=0)
        async def work(number: int) -> None:
            stage.log.append(number)

        async def produce(queue: str) -> list[str]:
            found = []
            for first in range(0, JOBS, 20):
                batch = [work.options(queue=queue).prepare(first + n) for n in range(20)]
                found += [job.id for job in await stage.app.enqueue_many(batch)]
            return found

        async def disturb() -> None:
            for queue in names:
                for _ in range(2):
                    await asyncio.to_thread(cluster.move, stage.broker.keys.base(queue))

        async with stage.app.worker(queues=names), stage.app.worker(queues=names):
            disturbing = asyncio.create_task(disturb())
            sent = await asyncio.gather(*[produce(queue) for queue in names])
            await disturbing
            for queue, jobs in zip(names, sent, strict=True):
                stage.broker.queue = queue
                await stage.ended(*jobs, deadline=60)
                each_once(await stage.rows())
    assert sorted(stage.log) == sorted([*range(JOBS)] * len(names))
    assert keyspace.miscounted(cluster.url) == []
