"""A URL of one kind that leads to a server of another says so at once, and what to write."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobqueue import BrokerError, BrokerUnavailable, ConfigurationError, JobQueue
from jobqueue.broker import facts
from jobqueue.broker.lanes import Lane, SyncLane
from jobqueue.broker.servers import Server
from jobqueue.embedded import ValkeyServer
from jobqueue.settings import Settings
from tests.support.cluster import Cluster
from tests.support.ports import free_ports
from tests.support.sentinel import Sentinel

SENTINEL = r"write redis\+sentinel://host:26379/name-of-the-master"


async def answer(lane: Lane | SyncLane) -> Any:
    """Ask for any key."""
    found = lane.command("GET", "a")
    return found if isinstance(lane, SyncLane) else await found


@pytest.fixture
def single(tmp_path: Path, judge: Callable[[str], None]) -> Iterator[int]:
    """The port of a server that is alone."""
    [port] = free_ports(1)
    with ValkeyServer(tmp_path / "single", aof=False, settings={"port": str(port)}) as server:
        yield port
        judge(server.url)


@pytest.fixture
def sentinel(tmp_path: Path) -> Iterator[int]:
    """The port of a sentinel whose master is not there."""
    port, master = free_ports(2)
    with Sentinel(tmp_path / "sentinel", port, master, None):
        yield port


async def refused(url: str, hint: str, *, blocking: bool) -> None:
    """Enqueue; it fails at once, and the one line that it says has the hint."""
    settings = Settings(redis_url=url, enqueue_timeout=600.0)  # longer than anybody would wait
    async with asyncio.timeout(60), JobQueue(settings=settings) as app:

        @app.job()
        async def work() -> None: ...

        with pytest.raises(BrokerError, match=hint) as caught:
            await (asyncio.to_thread(work.enqueue_sync) if blocking else work.enqueue())
    assert str(caught.value).count("Redis refused") == 1
    assert str(caught.value).count("no command") <= 1
    assert " ;" not in str(caught.value)


@pytest.mark.parametrize("blocking", [False, True])
async def test_single_to_cluster(cluster: Cluster, blocking: bool) -> None:
    """A node of a cluster that does not have the queue's slot names the one that has."""
    owner = cluster.owner("jobqueue:{default}:")
    other = next(each for each in cluster.masters() if each is not owner)
    hint = rf"a node of a cluster; .* redis\+cluster://127\.0\.0\.1:{owner.port}$"
    await refused(f"redis://127.0.0.1:{other.port}", hint, blocking=blocking)


@pytest.mark.parametrize("blocking", [False, True])
async def test_single_to_sentinel(sentinel: int, blocking: bool) -> None:
    """A Sentinel knows no scripts and no databases."""
    for url in (f"redis://127.0.0.1:{sentinel}", f"redis://127.0.0.1:{sentinel}/2"):
        await refused(url, SENTINEL, blocking=blocking)
    with pytest.raises(ConfigurationError, match=SENTINEL):
        async with Server(f"redis://127.0.0.1:{sentinel}").lane() as lane:
            await facts.ask(lane)


@pytest.mark.parametrize("blocking", [False, True])
async def test_cluster_to_others(single: int, sentinel: int, blocking: bool) -> None:
    """Neither a single server nor a Sentinel is a node of a cluster."""
    await refused(
        f"redis+cluster://127.0.0.1:{single}", "; write redis://host:6379$", blocking=blocking
    )
    hosts = f"127.0.0.1:{sentinel},localhost:{sentinel}"
    await refused(f"redis+cluster://{hosts}", SENTINEL, blocking=blocking)


@pytest.mark.parametrize("blocking", [False, True])
async def test_sentinel_to_others(single: int, blocking: bool) -> None:
    """A server that is no Sentinel knows no masters by name."""
    url = f"redis+sentinel://127.0.0.1:{single}/main"
    await refused(url, "so it is no Sentinel; write redis://", blocking=blocking)


@pytest.mark.parametrize(
    "url", ["redis+sentinel://127.0.0.1:1/main", "redis+cluster://127.0.0.1:1"]
)
async def test_nobody_there(url: str) -> None:
    """Who can't be reached may come back: that is said once, with the address."""
    server = Server(url)
    for lane in (server.lane(), server.sync_lane()):
        with pytest.raises(
            BrokerUnavailable, match=r"127\.0\.0\.1:1: Connection refused$"
        ) as caught:
            await answer(lane)
        assert str(caught.value).count("can't be reached") == 1
        assert str(caught.value).count("127.0.0.1:1") == 1
