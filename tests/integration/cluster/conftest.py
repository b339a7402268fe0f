"""An app on a cluster, with queues on different masters."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.support.cluster import SOON_MS, Cluster, queues_of
from tests.support.servers import redis_programs
from tests.support.stage import Stage, stage_on


@pytest.fixture
async def stage(cluster: Cluster) -> AsyncIterator[Stage]:
    """An app without jobs on an empty cluster."""
    async with stage_on(cluster.url) as stage:
        yield stage


@pytest.fixture(scope="session", params=redis_programs())
def _any_cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp(request.param)
    with Cluster(folder, redis_programs()[request.param]) as cluster:
        yield cluster


@pytest.fixture
def any_cluster(_any_cluster: Cluster, judge: Callable[[str], None]) -> Iterator[Cluster]:
    """An empty cluster of each kind of server."""
    _any_cluster.flush()
    yield _any_cluster
    judge(_any_cluster.url)


@pytest.fixture
def own_cluster(tmp_path: Path, judge: Callable[[str], None]) -> Iterator[Cluster]:
    """A cluster of this test alone, whose nodes it may kill; nobody takes their place."""
    with Cluster(tmp_path) as cluster:
        yield cluster
        judge(cluster.url)


@pytest.fixture
def healing_cluster(tmp_path: Path, judge: Callable[[str], None]) -> Iterator[Cluster]:
    """One where a replica takes over soon, if the test lets it."""
    with Cluster(tmp_path, timeout_ms=SOON_MS) as cluster:
        yield cluster
        judge(cluster.url)


@pytest.fixture
def queues(cluster: Cluster) -> dict[int, str]:
    """A queue on each master, by the number of its node."""
    return queues_of(cluster)
