"""What several packages' integration tests share."""

from collections.abc import AsyncIterator

import pytest

from tests.support.stage import Stage, stage_on


@pytest.fixture
async def stage(redis_url: str) -> AsyncIterator[Stage]:
    """An app without jobs on an empty server."""
    async with stage_on(redis_url) as stage:
        yield stage
