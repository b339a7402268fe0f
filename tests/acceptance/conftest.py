"""Fixtures of the tests with real processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.stage import Stage, staged


@pytest.fixture
def stage(redis_url: str, history_url: str, tmp_path: Path) -> Iterator[Stage]:
    """Real servers, and programs that end with the test."""
    with staged(redis_url, history_url, tmp_path) as made:
        yield made
