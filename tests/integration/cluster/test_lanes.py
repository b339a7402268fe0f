"""One lane talks to every master: by slots, at once, and without losing what it took."""

import asyncio
from contextlib import closing
from functools import partial
from typing import Any

import pytest

from jobqueue.broker.cluster import ClusterLane
from jobqueue.broker.failures import AnswerLost
from jobqueue.broker.servers import Server
from jobqueue.domain.errors import BrokerError, BrokerUnavailable
from tests.support.cluster import Cluster
from tests.support.waiting import wait_until

pytestmark = pytest.mark.keys_not_judged("the keys are the test's own: nothing here is a job")

KEYS = [f"key{number}" for number in range(30)]


async def test_each_key_where_it_belongs(cluster: Cluster) -> None:
    """Commands go to the masters of their keys; answers come in the order of the commands."""
    async with Server(cluster.url).lane() as lane:
        await lane.commands([("SET", key, key) for key in KEYS])
        found = await lane.commands([("GET", key) for key in KEYS])
    assert found == [key.encode() for key in KEYS]
    sizes = [node.run("DBSIZE") for node in cluster.masters()]
    assert sum(sizes) == len(KEYS)
    assert all(sizes)
    with closing(Server(cluster.url).sync_lane()) as sync:
        assert [sync.command("GET", key) for key in KEYS] == found


async def test_without_a_key(cluster: Cluster) -> None:
    """A command without a key goes with the next that has one: each queue has its own clock."""
    async with Server(cluster.url).lane() as lane:
        for key in KEYS[:6]:
            await lane.command("SET", key, "x")
            asked = await lane.commands([("DBSIZE",), ("GET", key), ("DBSIZE",)])
            there = cluster.owner(key).run("DBSIZE")
            assert (asked[0], asked[2]) == (there, there)


@pytest.mark.parametrize("blocking", [False, True])
async def test_moved(cluster: Cluster, blocking: bool) -> None:
    """A slot that has moved is found again within the same request."""
    server = Server(cluster.url)
    async with server.lane() as lane:
        await lane.commands([("SET", key, key) for key in KEYS])
        for key in KEYS[:3]:
            cluster.move(key)
        if blocking:
            with closing(server.sync_lane()) as sync:
                found = [sync.command("GET", key) for key in KEYS]
        else:
            found = await lane.commands([("GET", key) for key in KEYS])
    assert found == [key.encode() for key in KEYS]


async def test_moving(cluster: Cluster) -> None:
    """While a slot moves, what would have to be asked elsewhere was not carried out."""
    async with Server(cluster.url).lane() as lane:
        await lane.command("SET", "a", "x")
        steps = cluster.moving("a")
        next(steps)
        assert await lane.command("GET", "a") == b"x"
        next(steps)
        with pytest.raises(BrokerUnavailable) as caught:
            await lane.command("GET", "a")
        assert not isinstance(caught.value, AnswerLost)
        assert [*steps] == ["done"]
        assert await lane.command("GET", "a") == b"x"


async def test_takes_of_any_slot(cluster: Cluster) -> None:
    """One blocking read hears of every list, wherever it is, and loses nothing."""
    async with Server(cluster.url).lane() as lane, Server(cluster.url).lane() as other:
        for key in KEYS:
            taking = asyncio.create_task(lane.take(KEYS, 60))
            await asyncio.sleep(0)
            await other.command("RPUSH", key, f"of {key}")
            assert await taking == (key.encode(), f"of {key}".encode())
        await other.commands([("RPUSH", key, "x") for key in KEYS])
        found = [await lane.take(KEYS, 60) for _ in KEYS]
        assert sorted(each[0].decode() for each in found if each) == sorted(KEYS)
        assert await lane.take(KEYS, 0.1) is None


async def test_reads_go_on_between_takes(cluster: Cluster) -> None:
    """What comes while nobody takes is there for the next take."""
    async with Server(cluster.url).lane() as lane, Server(cluster.url).lane() as other:
        taking = asyncio.create_task(lane.take(KEYS, 60.0))
        await other.command("RPUSH", KEYS[0], "first")
        assert await taking == (KEYS[0].encode(), b"first")
        away = next(key for key in KEYS if cluster.owner(key) is not cluster.owner(KEYS[0]))
        await other.command("RPUSH", away, "second")
        assert await lane.take(KEYS[:1], 5.0) == (away.encode(), b"second"), "of an earlier call"


async def test_drop(cluster: Cluster) -> None:
    """Reads that are dropped take nothing any more, and the lane says that there were some."""
    async with Server(cluster.url).lane() as lane, Server(cluster.url).lane() as other:
        assert not await lane.drop()
        taking = asyncio.create_task(lane.take(KEYS, 30))
        assert isinstance(lane, ClusterLane)
        await wait_until(partial(len, lane._reads), description="reads have begun")
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking
        assert not await lane.drop(), "a cancelled take drops its reads"
        await other.commands([("RPUSH", key, "x") for key in KEYS])
        assert all(await other.commands([("LLEN", key) for key in KEYS]))


async def test_cancelled_anywhere(cluster: Cluster) -> None:
    """A request may be given up at any moment: no answer meets another question."""
    async with Server(cluster.url).lane() as lane:
        await lane.commands([("SET", key, key) for key in KEYS])
        for steps in range(40):
            asking = asyncio.create_task(lane.commands([("GET", key) for key in KEYS]))
            for _ in range(steps):
                await asyncio.sleep(0)  # one turn of the loop, not a time
            asking.cancel()
            await asyncio.wait({asking})
            assert await lane.command("GET", KEYS[3]) == KEYS[3].encode()


async def test_a_node_away(healing_cluster: Cluster) -> None:
    """Reads of the others go on; only when all are away is it an error."""
    cluster = healing_cluster
    async with Server(cluster.url).lane() as lane, Server(cluster.url).lane() as other:
        assert await lane.take(KEYS, 0.1) is None
        for key in KEYS:  # from here on it knows every master
            assert not await other.command("EXISTS", key)
        lost = cluster.owner(KEYS[0])
        cluster.may_succeed(lost)
        here = next(key for key in KEYS if cluster.owner(key) is not lost)
        gone = [key for key in KEYS if cluster.owner(key) is lost]
        lost.server.kill()
        with pytest.raises(BrokerUnavailable):
            await lane.take(gone, 10)
        taking = asyncio.create_task(lane.take(KEYS, 60))
        await other.command("RPUSH", here, "x")
        assert await taking == (here.encode(), b"x")

        async def served() -> Any:
            try:
                return not await other.command("EXISTS", KEYS[0])
            except BrokerUnavailable:
                return False

        await wait_until(served, description="its replica serves its slots", deadline=60)
        await other.command("RPUSH", KEYS[0], "y")
        # What was away at the beginning of a read is asked again with the next one.
        found = await wait_until(lambda: lane.take(KEYS, 0.5), description="it is read again")
        assert found == (KEYS[0].encode(), b"y")


async def test_nobody_there() -> None:
    """Without any node the error names those that were asked, and nothing was sent."""
    server = Server("redis+cluster://127.0.0.1:1,127.0.0.1:2")
    with pytest.raises(BrokerUnavailable, match=r": 127\.0\.0\.1:1, 127\.0\.0\.1:2: ") as caught:
        await server.lane().command("GET", "a")
    assert not isinstance(caught.value, AnswerLost)
    with pytest.raises(BrokerUnavailable, match="no node knows the cluster"):
        server.sync_lane().command("GET", "a")


async def test_no_cluster(redis_url: str) -> None:
    """A server that is no cluster says so."""
    async with Server(redis_url).lane() as lane:
        with pytest.raises(BrokerError, match="cluster support disabled"):
            await lane.command("CLUSTER", "SLOTS")
