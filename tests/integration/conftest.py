"""What several packages' integration tests share."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support import keyspace
from tests.support.stage import Stage, stage_on


@pytest.fixture
def prefix() -> str:
    """What every key begins with; a test with another one gives it as a parameter."""
    return "jobqueue"


@pytest.fixture
def redis_url(redis_url: str, prefix: str) -> Iterator[str]:
    """An empty server; after the test no key is left that nobody owns."""
    yield redis_url
    keyspace.check(redis_url, prefix)


@pytest.fixture
async def stage(redis_url: str) -> AsyncIterator[Stage]:
    """An app without jobs on an empty server."""
    async with stage_on(redis_url) as stage:
        yield stage
