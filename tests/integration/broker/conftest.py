"""A broker on every kind of server and on a cluster; it leaves nothing that nobody owns."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from jobqueue.embedded import ValkeyServer
from tests.support.broker import Broker, connect
from tests.support.cluster import Cluster
from tests.support.servers import fast_redis, flush, redis_programs


@pytest.fixture(scope="session", params=[*redis_programs(), "cluster"])
def _everywhere(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ValkeyServer | Cluster]:
    if request.param == "cluster":
        yield request.getfixturevalue("_cluster")
        return
    program = redis_programs()[request.param]
    with fast_redis(tmp_path_factory.mktemp(request.param), program) as server:
        yield server


@pytest.fixture
async def broker(
    _everywhere: ValkeyServer | Cluster, judge: Callable[[str], None]
) -> AsyncIterator[Broker]:
    """One queue, driven by hand; its keys are checked when the test is over."""
    if isinstance(_everywhere, Cluster):
        _everywhere.flush()
    else:
        flush(_everywhere.url)
    async with connect(_everywhere.url) as broker:
        yield broker
    judge(_everywhere.url)
