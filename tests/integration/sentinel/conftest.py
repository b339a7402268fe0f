"""A master with replicas and sentinels, which a test may kill and freeze."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.sentinel import Watched


@pytest.fixture
def watched(tmp_path: Path, judge: Callable[[str], None]) -> Iterator[Watched]:
    """Three servers and three sentinels of this test alone."""
    with Watched(tmp_path) as watched:
        yield watched
        judge(watched.url)
