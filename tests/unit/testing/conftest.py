"""An app that runs its jobs where they are enqueued."""

from collections.abc import Iterator
from typing import Any

import pytest

from jobqueue import (
    JobQueue,
    testing,
)
from jobqueue.settings import Settings


@pytest.fixture
def app() -> Iterator[JobQueue]:
    """An app that knows no server, inline."""
    app = JobQueue(settings=Settings(retries=2, max_result=100))
    with testing.inline(app):
        yield app


@pytest.fixture
def log() -> list[Any]:
    """What handlers did, in order."""
    return []
