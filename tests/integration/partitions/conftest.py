"""An app with a queue in several partitions, on one server and on a cluster."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from jobqueue import JobQueue
from jobqueue.settings import Settings
from tests.support.cluster import Cluster
from tests.support.stage import Stage, stage_on

PARTITIONS = 8


@dataclass
class Split(Stage):
    """An app whose queue ``mail`` has partitions."""

    url: str = ""

    def other(self, *, partitions: int | None = None, **settings: object) -> JobQueue:
        """Return another app on the same server, which may know nothing of partitions."""
        app = JobQueue(settings=Settings(redis_url=self.url, grace=5.0, **settings))  # type: ignore[arg-type]
        if partitions:
            app.queue("mail", partitions=partitions)
        return app


@pytest.fixture(params=["server", "cluster"])
def url(request: pytest.FixtureRequest) -> str:
    """An empty server, and an empty cluster."""
    if request.param == "cluster":
        cluster: Cluster = request.getfixturevalue("cluster")
        return cluster.url
    found: str = request.getfixturevalue("redis_url")
    return found


@pytest.fixture
async def split(url: str) -> AsyncIterator[Split]:
    """The app, without jobs."""
    async with stage_on(url) as stage:
        stage.app.queue("mail", partitions=PARTITIONS)
        yield Split(stage.app, stage.broker, url=url)
