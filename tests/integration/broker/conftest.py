"""A broker on every kind of server; after each test nothing is left that nobody owns."""

from collections.abc import AsyncIterator

import pytest

from tests.support import keyspace
from tests.support.broker import Broker, connect


@pytest.fixture
async def broker(any_redis_url: str) -> AsyncIterator[Broker]:
    """One queue, driven by hand; its keys are checked when the test is over."""
    async with connect(any_redis_url) as broker:
        yield broker
    keyspace.check(any_redis_url)
