"""What several packages' integration tests share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.proxy import Proxy, proxy_to
from tests.support.stage import Stage, stage_on


@pytest.fixture
async def stage(redis_url: str) -> AsyncIterator[Stage]:
    """An app without jobs on an empty server."""
    async with stage_on(redis_url) as stage:
        yield stage


@pytest.fixture
async def recorded(redis_url: str, history_url: str) -> AsyncIterator[Stage]:
    """An app whose jobs are recorded."""
    async with stage_on(redis_url, database_url=history_url) as stage, stage.app.scheduler():
        yield stage


@pytest.fixture
async def proxy(redis_url: str, tmp_path: Path) -> AsyncIterator[Proxy]:
    """A way to the server that can be cut, held up and listened to."""
    async with proxy_to(redis_url, tmp_path) as proxy:
        yield proxy
