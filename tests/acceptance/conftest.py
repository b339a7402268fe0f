"""Fixtures of the tests with real processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.system import System, running


@pytest.fixture
def system(redis_url: str, history_url: str, tmp_path: Path) -> Iterator[System]:
    """Real servers, and programs that end with the test."""
    with running(redis_url, history_url, tmp_path) as made:
        yield made


@pytest.fixture
def served(system: System) -> System:
    """A system with a scheduler and a worker that knows the failing jobs."""
    system.scheduler()
    system.worker("failing")
    return system
